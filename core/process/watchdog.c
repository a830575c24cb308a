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
#include "log/log.h"
#include "loop/call.h"
#include "thread/guest.h"
#include "thread/thread.h"

enum { HURRY_MS = 1000, SAMPLE_MS = 200, EXIT_OVERDUE = 1, BURST_MS = 500 };

/* Static, since the signal handler has no argument and the thread outlives main's stack. */
static struct {
	int wake[2]; /* a pipe; each byte is a signal number, or 0 for a new deadline */
	atomic_int_fast64_t deadline_ms;
	pthread_mutex_t lock; /* protects the next two */
	void (*on_signal)(int number, void *arg);
	void *arg;
	unsigned n_signals; /* [watchdog], as are the next two */
	int last_number;
	int64_t last_ms; /* when it was counted */
} the_watchdog = { .wake = { -1, -1 },
	           .deadline_ms = INT64_MAX,
	           .lock = PTHREAD_MUTEX_INITIALIZER };

/* Async-signal-safe. If the pipe is full, it holds more signals than matter. */
static void wake_thread(int number)
{
	uint8_t byte = (uint8_t)number;

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
	bool told;

	if (is_repetition(number))
		return;
	the_watchdog.n_signals++;
	pthread_mutex_lock(&the_watchdog.lock);
	told = the_watchdog.on_signal != NULL;
	if (told)
		the_watchdog.on_signal(number, the_watchdog.arg);
	pthread_mutex_unlock(&the_watchdog.lock);
	if (the_watchdog.n_signals > 2)
		watchdog_end_within(0);
	else if (the_watchdog.n_signals == 2 || !told)
		watchdog_end_within(HURRY_MS);
}

static void log_stuck(const char *thread, const char *guest, void *arg)
{
	*(bool *)arg = true;
	log_error("plugin hangs", log_str("plugin", guest), log_str("thread", thread));
}

/* exit() could wait for the hanging thread, or free memory that it uses. */
static void end_process(void)
{
	bool named = false;
	int worker;

	guest_each_stuck(SAMPLE_MS, log_stuck, &named);
	worker = loop_call_pending();
	if (worker >= 0 && !named)
		log_error("worker hangs", log_int("worker", worker));
	log_last_words("shutdown timed out, exiting", NULL, 0);
	_exit(EXIT_OVERDUE);
}

static void *watchdog_main(void *unused)
{
	struct pollfd wakes = { the_watchdog.wake[0], POLLIN, 0 };

	(void)unused;
	for (;;) {
		int64_t deadline_ms = atomic_load(&the_watchdog.deadline_ms),
			left = deadline_ms - clock_ms();
		uint8_t number;

		if (left <= 0)
			end_process();
		poll(&wakes, 1, deadline_ms == INT64_MAX ? -1 : left < 60000 ? (int)left : 60000);
		while (read(the_watchdog.wake[0], &number, 1) == 1) {
			if (number)
				handle_signal(number);
		}
	}
	return NULL;
}

bool watchdog_start(void)
{
	pthread_t thread;

	if (pipe2(the_watchdog.wake, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	if (thread_start(&thread, "watchdog", watchdog_main, NULL) != 0)
		return false;
	pthread_detach(thread);
	return true;
}

void watchdog_listen(void (*on_signal)(int number, void *arg), void *arg)
{
	struct sigaction action = { .sa_handler = signal_handler,
		                    .sa_flags = SA_RESTART | SA_ONSTACK };

	pthread_mutex_lock(&the_watchdog.lock);
	the_watchdog.on_signal = on_signal;
	the_watchdog.arg = arg;
	pthread_mutex_unlock(&the_watchdog.lock);
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

void watchdog_ignore(void)
{
	pthread_mutex_lock(&the_watchdog.lock);
	the_watchdog.on_signal = NULL;
	pthread_mutex_unlock(&the_watchdog.lock);
}
