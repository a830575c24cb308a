#include "process/drain.h"

#include <pthread.h>
#include <signal.h>

#include "process/watchdog.h"
#include "run_until.h"
#include "stderr_file.h"
#include "suite.h"

static struct loop *loop;
static struct drain drain;
static unsigned begun;

static void on_begin(void *arg)
{
	ck_assert_str_eq(arg, "arg");
	begun++;
}

static unsigned count_visitors(void *arg)
{
	(void)arg;
	return 7;
}

static void set_up(int64_t timeout_ms)
{
	begun = 0;
	loop = run_until_loop();
	ck_assert(watchdog_start(&(struct err){ "" }));
	drain_init(&drain, loop, timeout_ms, on_begin, count_visitors, (void *)(uintptr_t) "arg");
}

static void tear_down(void)
{
	drain_fini(&drain);
	loop_free(loop);
}

static bool has_begun(void *unused)
{
	(void)unused;
	return begun > 0;
}

/* Runs the loop until the drain breaks it; returns for how long it ran. */
static int64_t run_to_the_end(void)
{
	int64_t before = clock_ms();

	loop_run(loop);
	return clock_ms() - before;
}

START_TEST(a_signal_begins_it)
{
	set_up(60000);
	run_for(loop, 5);
	ck_assert_uint_eq(begun, 0);
	ck_assert(!drain.begun);
	kill(getpid(), SIGTERM);
	ck_assert(run_until(loop, has_begun, NULL));
	ck_assert_uint_eq(begun, 1);
	ck_assert(drain.begun);
	tear_down();
}
END_TEST

START_TEST(a_second_signal_ends_the_loop)
{
	set_up(60000);
	kill(getpid(), SIGINT);
	ck_assert(run_until(loop, has_begun, NULL));
	kill(getpid(), SIGTERM);
	ck_assert_int_lt(run_to_the_end(), 10000);
	ck_assert_uint_eq(begun, 1);
	tear_down();
}
END_TEST

START_TEST(signals_that_come_together_begin_it_and_end_the_loop)
{
	sigset_t both;

	set_up(60000);
	sigemptyset(&both);
	sigaddset(&both, SIGTERM);
	sigaddset(&both, SIGINT);
	pthread_sigmask(SIG_BLOCK, &both, NULL);
	kill(getpid(), SIGINT);
	kill(getpid(), SIGTERM);
	pthread_sigmask(SIG_UNBLOCK, &both, NULL);
	run_to_the_end();
	ck_assert_uint_eq(begun, 1);
	tear_down();
}
END_TEST

START_TEST(a_deadline_ends_the_loop)
{
	int64_t ran_ms;

	set_up(60000);
	drain_set_timeout(&drain, 50);
	ck_assert_int_eq(drain_timeout(&drain), 50);
	ck_assert(drain_ask(&drain, "operator"));
	ran_ms = run_to_the_end();
	ck_assert_uint_eq(begun, 1);
	ck_assert_int_ge(ran_ms, 49);
	ck_assert_int_lt(ran_ms, 10000);
	tear_down();
}
END_TEST

START_TEST(a_timeout_that_comes_too_late)
{
	set_up(50);
	ck_assert(drain_ask(&drain, "operator"));
	ck_assert(run_until(loop, has_begun, NULL));
	drain_set_timeout(&drain, 60000);
	ck_assert_int_lt(run_to_the_end(), 10000);
	tear_down();
}
END_TEST

static void on_begin_done(void *arg)
{
	begun++;
	drain_done(arg);
}

START_TEST(a_drain_that_is_done_ends_the_loop)
{
	loop = run_until_loop();
	ck_assert(watchdog_start(&(struct err){ "" }));
	drain_init(&drain, loop, 60000, on_begin_done, count_visitors, &drain);
	ck_assert(drain_ask(&drain, "operator"));
	ck_assert_int_lt(run_to_the_end(), 10000);
	ck_assert_uint_eq(begun, 1);
	tear_down();
}
END_TEST

START_TEST(it_is_asked_for_once)
{
	set_up(60000);
	ck_assert(drain_ask(&drain, "operator"));
	ck_assert(!drain_ask(&drain, "operator")); /* even before it has begun */
	ck_assert(run_until(loop, has_begun, NULL));
	ck_assert(!drain_ask(&drain, "operator"));
	run_for(loop, 5);
	ck_assert_uint_eq(begun, 1);
	tear_down();
}
END_TEST

START_TEST(it_is_not_asked_for_after_a_signal)
{
	set_up(60000);
	kill(getpid(), SIGTERM);
	ck_assert(run_until(loop, has_begun, NULL));
	ck_assert(!drain_ask(&drain, "operator"));
	tear_down();
}
END_TEST

/* An operator's request is no signal, so the signal of a supervisor does not end the drain. */
START_TEST(a_signal_after_a_request_is_the_first)
{
	set_up(60000);
	ck_assert(drain_ask(&drain, "operator"));
	ck_assert(run_until(loop, has_begun, NULL));
	ck_assert_int_eq(atomic_load(&drain.signals), 0);
	kill(getpid(), SIGTERM);
	ck_assert(!run_until_within(loop, 100, run_until_never, NULL));
	ck_assert_int_eq(atomic_load(&drain.signals), 1);
	kill(getpid(), SIGINT);
	ck_assert_int_lt(run_to_the_end(), 10000);
	ck_assert_uint_eq(begun, 1);
	tear_down();
}
END_TEST

START_TEST(the_deadline_says_how_many_visitors_it_cuts_off)
{
	stderr_file_begin();
	set_up(50);
	kill(getpid(), SIGTERM);
	run_to_the_end();
	stderr_file_expect("drain deadline passed, closing open connections timeout_ms=50 "
	                   "visitors=7\n");
	tear_down();
}
END_TEST

SUITE("drain", the_deadline_says_how_many_visitors_it_cuts_off, a_signal_begins_it,
      a_second_signal_ends_the_loop, signals_that_come_together_begin_it_and_end_the_loop,
      a_deadline_ends_the_loop, a_timeout_that_comes_too_late, a_drain_that_is_done_ends_the_loop,
      it_is_asked_for_once, it_is_not_asked_for_after_a_signal,
      a_signal_after_a_request_is_the_first)
