#include "base/clock.h"

#include <time.h>

#include "suite.h"

START_TEST(it_is_the_monotonic_clock)
{
	struct timespec before, after;
	int64_t now;

	clock_gettime(CLOCK_MONOTONIC, &before);
	now = clock_ns();
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_int_ge(now, (int64_t)before.tv_sec * 1000000000 + before.tv_nsec);
	ck_assert_int_le(now, (int64_t)after.tv_sec * 1000000000 + after.tv_nsec);
}
END_TEST

START_TEST(milliseconds_are_nanoseconds_rounded_down)
{
	int64_t before = clock_ns() / 1000000, now = clock_ms(), after = clock_ns() / 1000000;

	ck_assert_int_ge(now, before);
	ck_assert_int_le(now, after);
}
END_TEST

START_TEST(it_measures_a_pause)
{
	const struct timespec pause = { 0, 5000000 };
	int64_t start = clock_ns();

	nanosleep(&pause, NULL);
	ck_assert_int_ge(clock_ns() - start, 5000000);
}
END_TEST

START_TEST(the_wall_clock_counts_from_1970)
{
	time_t before = time(NULL);
	int64_t now = clock_wall_ms();

	ck_assert_int_ge(now / 1000, before - 1);
	ck_assert_int_le(now / 1000, time(NULL));
}
END_TEST

SUITE("clock", it_is_the_monotonic_clock, milliseconds_are_nanoseconds_rounded_down,
      it_measures_a_pause, the_wall_clock_counts_from_1970)
