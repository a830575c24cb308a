#include "relay/throttle.h"

#include <stdbool.h>

#include "suite.h"

/* Moves as much as it may, every millisecond. Returns the bytes of so many milliseconds. */
static uint64_t run(struct throttle *throttle, int64_t from_ms, int64_t for_ms)
{
	uint64_t before = throttle->charged, moved = before;

	for (int64_t ms = from_ms; ms < from_ms + for_ms; ms++)
		moved += throttle_room(throttle, moved, ms);
	throttle_room(throttle, moved, from_ms + for_ms - 1);
	return moved - before;
}

START_TEST(it_begins_with_a_tenth_of_a_second)
{
	struct throttle throttle;

	throttle_init(&throttle, 1000, 7);
	ck_assert_uint_eq(throttle_room(&throttle, 0, 7), 100);
	ck_assert_uint_eq(throttle_room(&throttle, 100, 7), 0);
	ck_assert_uint_eq(throttle_room(&throttle, 100, 17), 10);
}
END_TEST

START_TEST(the_rate_holds_over_time)
{
	static const uint64_t rates[] = { 1, 9, 10, 1000, 123456, 1000000000, (uint64_t)1 << 40 };

	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		uint64_t rate = rates[i], moved;
		struct throttle throttle;

		throttle_init(&throttle, rate, 0);
		moved = run(&throttle, 0, 10001);
		ck_assert_uint_ge(moved, 10 * rate);
		ck_assert_uint_le(moved, 10 * rate + rate / 10 + 2);
	}
}
END_TEST

START_TEST(a_pause_saves_no_more_than_the_burst)
{
	struct throttle throttle;

	throttle_init(&throttle, 1000, 0);
	ck_assert_uint_eq(run(&throttle, 0, 1), 100);
	ck_assert_uint_eq(throttle_room(&throttle, 100, 1000000), 100);
	ck_assert_uint_eq(throttle_room(&throttle, 100, INT64_MAX), 100);
}
END_TEST

START_TEST(too_much_is_paid_back)
{
	struct throttle throttle;

	throttle_init(&throttle, 1000, 0);
	ck_assert_uint_eq(throttle_room(&throttle, 300, 0), 0); /* 200 too many */
	ck_assert_uint_eq(throttle_room(&throttle, 300, 200), 0);
	ck_assert_uint_eq(throttle_room(&throttle, 300, 250), 50);
}
END_TEST

START_TEST(it_says_when_to_ask_again)
{
	static const uint64_t rates[] = { 1, 10, 1000, 1000000, UINT64_MAX };

	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct throttle throttle;
		uint64_t moved;
		int64_t wait_ms;

		throttle_init(&throttle, rates[i], 0);
		moved = throttle_room(&throttle, 0, 0);
		ck_assert_uint_eq(throttle_room(&throttle, moved, 0), 0);
		wait_ms = throttle_wait_ms(&throttle);
		ck_assert(wait_ms >= 1 && wait_ms <= 1000);
		ck_assert_uint_gt(throttle_room(&throttle, moved, wait_ms), 0);
	}
}
END_TEST

SUITE("throttle", it_begins_with_a_tenth_of_a_second, the_rate_holds_over_time,
      a_pause_saves_no_more_than_the_burst, too_much_is_paid_back, it_says_when_to_ask_again)
