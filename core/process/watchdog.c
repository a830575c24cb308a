#include "process/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/crash.h"
#include "log/hangs.h"
#include "log/log.h"
#include "secret/output.h"
#include "thread/thread.h"

enum { HURRY_MS = 1000, LOOK_MS = 1000, SAMPLE_MS = 200, BURST_MS = 500, EXIT_OVERDUE = 1 };

/* A call that takes this long hangs. It is less than SAMPLE_MS, since the clock is inaccurate. */
static const int64_t stuck_ns = INT64_C(150) * 1000000;

/* Static, since the signal handler has no argument and the thread outlives main's stack. */
static struct {
	int wake[2];      /* a pipe; each byte is a signal number, or 0 for a new deadline */
	pthread_t thread; /* [main], as is the next */
	bool runs;
	atomic_bool stops; /* the thread is to end */
	atomic_int_fast64_t deadline_ms;
	pthread_mutex_t lock; /* protects the next three */
	void (*on_signal)(int number, void *arg);
	void *arg;
	int early; /* the last signal that came without a listener; 0: none */
	atomic_uint n_signals;
	int last_number; /* [watchdog], as is the next */
	int64_t last_ms; /* when it was counted */
} the_watchdog = { .wake = { -1, -1 },
	           .deadline_ms = INT64_MAX,
	           .lock = PTHREAD_MUTEX_INITIALIZER };

/* number: of a signal, or 0 for a new deadline. Async-signal-safe. */
static void wake_thread(int number)
{
	uint8_t byte = (uint8_t)number;

	/* The write may fail: a full pipe wakes the thread anyway, and holds more signals than
	 * matter. */
	if (write(the_watchdog.wake[1], &byte, 1) < 0)
		return;
}

static void signal_handler(int number)
{
	int kept = errno;

	wake_thread(number);
	errno = kept;
}

void watchdog_end_within(int64_t ms)
{
	int64_t deadline_ms = clock_ms() + ms, old = atomic_load(&the_watchdog.deadline_ms);

	while (deadline_ms < old &&
	       !atomic_compare_exchange_weak(&the_watchdog.deadline_ms, &old, deadline_ms))
		;
	wake_thread(0);
}

/* Supervisors may send the same signal to the process and to its group. */
static bool is_repetition(int number)
{
	int64_t now_ms = clock_ms();

	if (number == the_watchdog.last_number && now_ms - the_watchdog.last_ms < BURST_MS)
		return true;
	the_watchdog.last_number = number;
	the_watchdog.last_ms = now_ms;
	return false;
}

static void handle_signal(int number)
{
	unsigned n;
	bool has_listener;

	if (is_repetition(number))
		return;
	n = atomic_fetch_add(&the_watchdog.n_signals, 1) + 1;
	pthread_mutex_lock(&the_watchdog.lock);
	has_listener = the_watchdog.on_signal != NULL;
	if (has_listener)
		the_watchdog.on_signal(number, the_watchdog.arg);
	else
		the_watchdog.early = number;
	pthread_mutex_unlock(&the_watchdog.lock);
	if (n > 2)
		watchdog_end_within(0);
	else if (n == 2 || !has_listener)
		watchdog_end_within(HURRY_MS);
}

/* exit() could wait for the hanging thread, or free memory that it uses. */
static void end_process(void)
{
	char program[128];
	struct log_field field; /* the program that is asked for a secret, if one is */
	size_t n_fields = 0;

	poll(NULL, 0, SAMPLE_MS); /* a call that has just begun may be a quick one */
	hangs_log_all(stuck_ns);
	if (output_runs(program, sizeof program)) {
		field = log_str("program", program);
		n_fields = 1;
	}
	output_end_program();
	log_last_words("shutdown timed out, exiting", &field, n_fields);
	_exit(EXIT_OVERDUE);
}

static void look_around(void)
{
	hangs_look();
	crash_catch_again();
}

static void *watchdog_main(void *unused)
{
	struct pollfd wakes = { the_watchdog.wake[0], POLLIN, 0 };

	(void)unused;
	while (!atomic_load(&the_watchdog.stops)) {
		int64_t left_ms = atomic_load(&the_watchdog.deadline_ms) - clock_ms();
		uint8_t number;

		if (left_ms <= 0)
			end_process();
		if (poll(&wakes, 1, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS) == 0)
			look_around();
		while (read(the_watchdog.wake[0], &number, 1) == 1) {
			if (number)
				handle_signal(number);
		}
	}
	return NULL;
}

bool watchdog_start(struct err *err)
{
	int failed;

	if (the_watchdog.runs)
		return true;
	if (the_watchdog.wake[0] < 0 && pipe2(the_watchdog.wake, O_CLOEXEC | O_NONBLOCK) < 0) {
		err_set_call(err, "pipe2", errno);
		return false;
	}
	failed = thread_start(&the_watchdog.thread, "watchdog", watchdog_main, NULL);
	if (failed)
		err_set_call(err, "clone3", failed);
	the_watchdog.runs = !failed;
	return !failed;
}

void watchdog_stop(void)
{
	if (!the_watchdog.runs)
		return;
	atomic_store(&the_watchdog.stops, true);
	wake_thread(0);
	pthread_join(the_watchdog.thread, NULL);
	atomic_store(&the_watchdog.stops, false);
	the_watchdog.runs = false;
}

void watchdog_catch(void)
{
	struct sigaction action = { .sa_handler = signal_handler,
		                    .sa_flags = SA_RESTART | SA_ONSTACK };

	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

bool watchdog_has_signal(void)
{
	return atomic_load(&the_watchdog.n_signals) > 0;
}

void watchdog_listen(void (*on_signal)(int number, void *arg), void *arg)
{
	pthread_mutex_lock(&the_watchdog.lock);
	the_watchdog.on_signal = on_signal;
	the_watchdog.arg = arg;
	if (the_watchdog.early)
		on_signal(the_watchdog.early, arg);
	the_watchdog.early = 0;
	pthread_mutex_unlock(&the_watchdog.lock);
	watchdog_catch();
}

void watchdog_ignore(void)
{
	pthread_mutex_lock(&the_watchdog.lock);
	the_watchdog.on_signal = NULL;
	pthread_mutex_unlock(&the_watchdog.lock);
}
