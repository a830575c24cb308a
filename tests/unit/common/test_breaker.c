#include "breaker.h"

#include "suite.h"

enum { FAILURES = 3, PAUSE = 1000 };

static struct breaker breaker;

/* Asks and settles at once. */
static bool ask(enum breaker_outcome outcome, int64_t now_ms)
{
	enum breaker_pass pass = breaker_enter(&breaker, now_ms);

	ck_assert_int_ne(pass, BREAKER_REFUSED);
	return breaker_settle(&breaker, pass, outcome, now_ms);
}

static void open_it(int64_t now_ms)
{
	breaker_init(&breaker, FAILURES, PAUSE);
	ck_assert(!ask(BREAKER_FAILS, now_ms));
	ck_assert(!ask(BREAKER_FAILS, now_ms));
	ck_assert(ask(BREAKER_FAILS, now_ms));
	ck_assert_int_eq(breaker_read(&breaker), BREAKER_OPEN);
}

START_TEST(failures_in_a_row_open_it)
{
	breaker_init(&breaker, FAILURES, PAUSE);
	ask(BREAKER_FAILS, 0);
	ask(BREAKER_FAILS, 0);
	ck_assert(!ask(BREAKER_WORKS, 0));
	ask(BREAKER_FAILS, 0);
	ask(BREAKER_UNKNOWN, 0);
	ask(BREAKER_FAILS, 0);
	ck_assert_int_eq(breaker_read(&breaker), BREAKER_CLOSED);
	ck_assert(ask(BREAKER_FAILS, 0));
	ck_assert_int_eq(breaker_enter(&breaker, 0), BREAKER_REFUSED);
	breaker_fini(&breaker);
}
END_TEST

START_TEST(after_the_pause_one_probe_at_a_time)
{
	open_it(500);
	ck_assert_int_eq(breaker_enter(&breaker, 500 + PAUSE - 1), BREAKER_REFUSED);
	ck_assert_int_eq(breaker_enter(&breaker, 500 + PAUSE), BREAKER_PROBE);
	ck_assert_int_eq(breaker_read(&breaker), BREAKER_PROBING);
	ck_assert_int_eq(breaker_enter(&breaker, 500 + 9 * PAUSE), BREAKER_REFUSED);
	ck_assert(breaker_settle(&breaker, BREAKER_PROBE, BREAKER_WORKS, 2000));
	ck_assert_int_eq(breaker_enter(&breaker, 2000), BREAKER_NORMAL);
	ck_assert_int_eq(breaker_enter(&breaker, 2000), BREAKER_NORMAL);
	breaker_fini(&breaker);
}
END_TEST

START_TEST(a_probe_that_fails_begins_another_pause)
{
	open_it(0);
	ck_assert_int_eq(breaker_enter(&breaker, 1000), BREAKER_PROBE);
	ck_assert(!breaker_settle(&breaker, BREAKER_PROBE, BREAKER_FAILS, 1500));
	ck_assert_int_eq(breaker_enter(&breaker, 2499), BREAKER_REFUSED);
	ck_assert_int_eq(breaker_enter(&breaker, 2500), BREAKER_PROBE);
	breaker_fini(&breaker);
}
END_TEST

START_TEST(a_probe_that_learns_nothing_makes_room_for_another)
{
	open_it(0);
	ck_assert_int_eq(breaker_enter(&breaker, 1000), BREAKER_PROBE);
	ck_assert(!breaker_settle(&breaker, BREAKER_PROBE, BREAKER_UNKNOWN, 1001));
	ck_assert_int_eq(breaker_enter(&breaker, 1001), BREAKER_PROBE);
	breaker_fini(&breaker);
}
END_TEST

START_TEST(a_question_from_before_closes_it_but_never_extends_the_pause)
{
	open_it(0);
	ck_assert(!breaker_settle(&breaker, BREAKER_NORMAL, BREAKER_FAILS, 900));
	ck_assert_int_eq(breaker_enter(&breaker, 1000), BREAKER_PROBE);
	ck_assert(!breaker_settle(&breaker, BREAKER_NORMAL, BREAKER_FAILS, 1001));
	ck_assert_int_eq(breaker_read(&breaker), BREAKER_PROBING);
	ck_assert(breaker_settle(&breaker, BREAKER_NORMAL, BREAKER_WORKS, 1002));
	ck_assert(!breaker_settle(&breaker, BREAKER_PROBE, BREAKER_FAILS, 1003));
	ck_assert_int_eq(breaker_read(&breaker), BREAKER_CLOSED);
	breaker_fini(&breaker);
}
END_TEST

SUITE("breaker", failures_in_a_row_open_it, after_the_pause_one_probe_at_a_time,
      a_probe_that_fails_begins_another_pause, a_probe_that_learns_nothing_makes_room_for_another,
      a_question_from_before_closes_it_but_never_extends_the_pause)
