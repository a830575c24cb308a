#include "log/repeats.h"

#include <stdio.h>

#include "suite.h"

static const struct repeat_pace single = { .period_ms = 1000, .burst = 1 };
static const struct repeat_pace several = { .period_ms = 1000, .burst = 3 };

static struct repeats repeats = REPEATS_INITIALIZER;

static bool allows(char key, const struct repeat_pace *pace, int64_t now_ms, unsigned *held_out)
{
	struct repeat_line line = { &key, 1, { "an event", NULL, key } };

	return repeats_allow(&repeats, &line, pace, now_ms, held_out);
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
		n += repeats_allow(&repeats, &(struct repeat_line){ &i, sizeof i, { 0 } }, &single,
		                   5000, &held);
	ck_assert_uint_eq(n, REPEATS_MOST);
	ck_assert(repeats_allow(&repeats,
	                        &(struct repeat_line){ &(unsigned){ 2000 }, sizeof n, { 0 } },
	                        &single, 6000, &held));
	repeats_fini(&repeats);
}
END_TEST

static unsigned told, told_held;

static void tell(const struct repeat_topic *topic, unsigned held)
{
	ck_assert_str_eq(topic->event, "an event");
	ck_assert_int_eq(topic->level, 'a');
	told++;
	told_held = held;
}

START_TEST(the_rest_is_told_once_after_a_pause)
{
	unsigned held;

	repeats_init(&repeats);
	told = 0;
	allows('a', &single, 5000, &held);
	allows('b', &single, 5000, &held);
	for (int i = 0; i < 7; i++)
		allows('a', &single, 5400, &held);
	repeats_tell_rest(&repeats, 5400 + REPEATS_QUIET_MS - 1, tell);
	ck_assert_uint_eq(told, 0);
	repeats_tell_rest(&repeats, 5400 + REPEATS_QUIET_MS, tell);
	ck_assert_uint_eq(told, 1);
	ck_assert_uint_eq(told_held, 7);
	repeats_tell_rest(&repeats, INT64_MAX, tell);
	ck_assert_uint_eq(told, 1);
	ck_assert(allows('a', &single, 20000, &held));
	ck_assert_uint_eq(held, 0);
	allows('a', &single, 20001, &held);
	repeats_tell_rest(&repeats, INT64_MAX, tell);
	ck_assert_uint_eq(told, 2);
	ck_assert_uint_eq(told_held, 1);
	allows('a', &single, 20002, &held);
	for (int i = 0; i < 3; i++)
		repeats_allow(&repeats, &(struct repeat_line){ "c", 1, { "an event", NULL, 'a' } },
		              &single, 20002, &held);
	repeats_tell_rest(&repeats, INT64_MAX, tell); /* two keys of one topic */
	ck_assert_uint_eq(told, 3);
	ck_assert_uint_eq(told_held, 3);
	repeats_fini(&repeats);
}
END_TEST

SUITE("repeats", one_line_of_a_key_in_a_period, a_burst_comes_first, many_keys_are_limited_together,
      the_rest_is_told_once_after_a_pause)
