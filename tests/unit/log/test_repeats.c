#include "log/repeats.h"

#include <stdio.h>

#include "suite.h"

static const struct repeat_pace single = { .period_ms = 1000, .burst = 1 };
static const struct repeat_pace several = { .period_ms = 1000, .burst = 3 };

static struct repeats repeats = REPEATS_INITIALIZER;

static bool allows(char key, const struct repeat_pace *pace, int64_t now_ms, unsigned *held_out)
{
	return repeats_allow(&repeats, &key, 1, pace, now_ms, held_out);
}

START_TEST(one_line_of_a_key_in_a_period)
{
	unsigned held = 99;

	ck_assert(allows('a', &single, 5000, &held));
	ck_assert_uint_eq(held, 0);
	for (int i = 0; i < 7; i++)
		ck_assert(!allows('a', &single, 5999, &held));
	ck_assert(allows('b', &single, 5999, &held)); /* another key */
	ck_assert_uint_eq(held, 0);
	ck_assert(allows('a', &single, 6000, &held));
	ck_assert_uint_eq(held, 7);
	ck_assert(allows('a', &single, 60000, &held));
	ck_assert_uint_eq(held, 0);
}
END_TEST

START_TEST(a_burst_comes_first)
{
	unsigned held;

	for (int i = 0; i < 3; i++)
		ck_assert(allows('a', &several, 5000, &held));
	ck_assert(!allows('a', &several, 5000, &held));
	ck_assert(!allows('a', &several, 5999, &held));
	ck_assert(allows('a', &several, 6000, &held));
	ck_assert_uint_eq(held, 2);
	ck_assert(!allows('a', &several, 6000, &held));
	for (int i = 0; i < 3; i++)
		ck_assert(allows('a', &several, 60000, &held));
	ck_assert(!allows('a', &several, 60000, &held));
}
END_TEST

/* A key that is new each time gets no more lines than the table has entries. */
START_TEST(many_keys_are_limited_together)
{
	unsigned held, n = 0;

	repeats_init(&repeats);
	for (unsigned i = 1; i <= 1000; i++)
		n += repeats_allow(&repeats, &i, sizeof i, &single, 5000, &held);
	ck_assert_uint_eq(n, REPEATS_MOST);
	ck_assert(repeats_allow(&repeats, &(unsigned){ 2000 }, sizeof n, &single, 6000, &held));
	repeats_fini(&repeats);
}
END_TEST

SUITE("repeats", one_line_of_a_key_in_a_period, a_burst_comes_first, many_keys_are_limited_together)
