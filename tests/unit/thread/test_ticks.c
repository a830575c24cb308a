#include "thread/ticks.h"

#include <pthread.h>
#include <stddef.h>

#include "suite.h"

static void *tick(void *unused)
{
	(void)unused;
	ticks_add();
	return NULL;
}

static void let_another_thread_tick(void)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, tick, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(own_ticks_are_passed)
{
	uint64_t before = ticks_now(), after;

	ck_assert_uint_eq(ticks_pass(before, ticks_own()), before);
	ck_assert_uint_eq(ticks_add(), before + 1);
	after = ticks_add();
	ck_assert_uint_eq(ticks_now(), after);
	ck_assert_uint_eq(ticks_pass(before, ticks_own()), after);
	ck_assert_uint_eq(ticks_pass(after, ticks_own()), after);
	let_another_thread_tick();
	ck_assert_uint_eq(ticks_pass(before, ticks_own()), after);
	ck_assert_uint_eq(ticks_now(), after + 1);
}
END_TEST

/* What another thread has done since is not known to be in order. */
START_TEST(ticks_of_others_are_not_passed)
{
	uint64_t before = ticks_now();

	ticks_add();
	let_another_thread_tick();
	ticks_add();
	ck_assert_uint_eq(ticks_pass(before, ticks_own()), before);
	ck_assert_uint_eq(ticks_pass(before + 2, ticks_own()), before + 3);
}
END_TEST

SUITE("ticks", own_ticks_are_passed, ticks_of_others_are_not_passed)
