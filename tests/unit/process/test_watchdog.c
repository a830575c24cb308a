#include "process/watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "refuse.h"
#include "stderr_file.h"
#include "suite.h"
#include "thread/guest.h"

static atomic_uint told;
static atomic_int last;

static void on_signal(int number, void *arg)
{
	ck_assert_str_eq(arg, "arg");
	atomic_store(&last, number);
	atomic_fetch_add(&told, 1);
}

static void wait_told(unsigned n)
{
	for (int i = 0; i < 10000 && atomic_load(&told) < n; i++)
		usleep(1000);
	ck_assert_uint_eq(atomic_load(&told), n);
}

/* Runs `life` in a process of its own; returns its status and how long it lived. */
static int run(void (*life)(void), int64_t *lived_ms_out)
{
	int64_t begun = clock_ms();
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		life();
		_exit(77);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	*lived_ms_out = clock_ms() - begun;
	ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void start(void)
{
	if (!watchdog_start(&(struct err){ "" }))
		_exit(78);
}

static void end_soon(void)
{
	start();
	watchdog_end_within(60000);
	watchdog_end_within(100);
	watchdog_end_within(60000); /* cannot move it back */
	sleep(20);
}

START_TEST(the_process_ends_at_the_deadline)
{
	int64_t lived_ms;

	stderr_file_begin();
	ck_assert_int_eq(run(end_soon, &lived_ms), 1);
	ck_assert_int_ge(lived_ms, 99);
	ck_assert_int_lt(lived_ms, 10000);
	stderr_file_expect("error shutdown timed out, exiting\n");
}
END_TEST

static void end_in_a_plugin(void)
{
	start();
	guest_thread_begin("main");
	guest_enter("sleepy", "verify");
	watchdog_end_within(1);
	sleep(20);
}

START_TEST(what_hangs_is_named)
{
	int64_t lived_ms;

	stderr_file_begin();
	ck_assert_int_eq(run(end_in_a_plugin, &lived_ms), 1);
	stderr_file_expect("error plugin hangs plugin=sleepy call=verify thread=main duration_ms=");
}
END_TEST

static void live(void)
{
	start();
	usleep(50000);
}

START_TEST(without_a_deadline_nothing_happens)
{
	int64_t lived_ms;

	ck_assert_int_eq(run(live, &lived_ms), 77);
}
END_TEST

START_TEST(signals_are_told)
{
	ck_assert(watchdog_start(&(struct err){ "" }));
	watchdog_listen(on_signal, (void *)(uintptr_t) "arg");
	kill(getpid(), SIGINT);
	wait_told(1);
	ck_assert_int_eq(atomic_load(&last), SIGINT);
	kill(getpid(), SIGTERM);
	wait_told(2);
	ck_assert_int_eq(atomic_load(&last), SIGTERM);
	watchdog_ignore();
}
END_TEST

static void await_a_signal_in_a_child(void)
{
	start();
	watchdog_stop();
	watchdog_stop(); /* does nothing */
	if (fork() != 0) {
		int status;

		_exit(wait(&status) > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 80);
	}
	start();
	watchdog_listen(on_signal, (void *)(uintptr_t) "arg");
	kill(getpid(), SIGTERM);
	wait_told(1);
	watchdog_ignore();
	watchdog_end_within(1);
	sleep(20);
}

START_TEST(it_watches_a_child_in_which_it_was_started_again)
{
	int64_t lived_ms;

	stderr_file_begin();
	ck_assert_int_eq(run(await_a_signal_in_a_child, &lived_ms), 1);
	stderr_file_expect("error shutdown timed out, exiting\n");
}
END_TEST

START_TEST(a_burst_of_one_signal_is_told_once)
{
	ck_assert(watchdog_start(&(struct err){ "" }));
	watchdog_listen(on_signal, (void *)(uintptr_t) "arg");
	for (int i = 0; i < 3; i++) {
		kill(getpid(), SIGTERM);
		usleep(20000);
	}
	wait_told(1);
	usleep(600000);
	ck_assert_int_eq(atomic_load(&told), 1);
	kill(getpid(), SIGTERM);
	wait_told(2);
	watchdog_ignore();
}
END_TEST

static void receive_three(void)
{
	start();
	watchdog_listen(on_signal, (void *)(uintptr_t) "arg");
	for (int i = 0; i < 3; i++) {
		kill(getpid(), i % 2 ? SIGINT : SIGTERM);
		usleep(10000);
	}
	sleep(20);
}

static void receive_untold(void)
{
	start();
	watchdog_listen(on_signal, (void *)(uintptr_t) "arg");
	watchdog_ignore();
	kill(getpid(), SIGTERM);
	usleep(20000);
	if (atomic_load(&told) > 0)
		_exit(79);
	sleep(20);
}

START_TEST(a_third_signal_does_without_the_second_that_others_leave)
{
	int64_t untold_ms, third_ms;

	stderr_file_begin();
	ck_assert_int_eq(run(receive_untold, &untold_ms), 1);
	ck_assert_int_ge(untold_ms, 999);
	ck_assert_int_lt(untold_ms, 10000);
	ck_assert_int_eq(run(receive_three, &third_ms), 1);
	ck_assert_int_lt(third_ms, untold_ms - 400); /* a sanitizer may make each exit slow */
}
END_TEST

START_TEST(what_the_start_is_refused_is_named)
{
	struct err err;

	ck_assert(refuse_call(SYS_pipe2, EPERM));
	ck_assert(!watchdog_start(&err));
	ck_assert_str_eq(err.text, "pipe2: Operation not permitted (does a sandbox refuse this "
	                           "system call?)");
}
END_TEST

SUITE("watchdog", the_process_ends_at_the_deadline, what_hangs_is_named,
      without_a_deadline_nothing_happens, signals_are_told, a_burst_of_one_signal_is_told_once,
      it_watches_a_child_in_which_it_was_started_again,
      a_third_signal_does_without_the_second_that_others_leave, what_the_start_is_refused_is_named)
