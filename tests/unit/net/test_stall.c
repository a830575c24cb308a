#include "net/stall.h"

#include "suite.h"

/* The number of turns after which it stalls; 0: not within 10 * STALL_TURNS. `ms_between` turns
 * pass in each millisecond if it is negative. */
static unsigned turns_to_stall(size_t pending, bool falls, int64_t ms_between)
{
	struct stall stall = { 0 };

	for (unsigned i = 1; i <= 10 * STALL_TURNS; i++) {
		int64_t now_ms = ms_between < 0 ? i / -ms_between : i * ms_between;

		if (stall_add(&stall, falls ? pending - i : pending, now_ms))
			return i;
	}
	return 0;
}

START_TEST(quick_idle_turns_are_a_stall)
{
	ck_assert_uint_eq(turns_to_stall(0, false, -100), STALL_TURNS);
	ck_assert_uint_eq(turns_to_stall(1, false, -2), STALL_TURNS);
	ck_assert_uint_eq(turns_to_stall(SIZE_MAX, false, -1), STALL_TURNS);
}
END_TEST

START_TEST(rare_ones_are_none)
{
	ck_assert_uint_eq(turns_to_stall(0, false, 2), 0);
	ck_assert_uint_eq(turns_to_stall(0, false, 60000), 0);
}
END_TEST

START_TEST(bytes_that_become_fewer_are_progress)
{
	ck_assert_uint_eq(turns_to_stall(1000000, true, -100), 0);
}
END_TEST

/* The fewest count: others may come back. */
START_TEST(pending_that_goes_up_and_down_is_a_stall)
{
	struct stall stall = { 0 };
	unsigned i = 0;

	while (i < 10 * STALL_TURNS && !stall_add(&stall, 5 + i % 2, 1))
		i++;
	ck_assert_uint_le(i, STALL_TURNS + 2);
}
END_TEST

SUITE("stall", quick_idle_turns_are_a_stall, rare_ones_are_none,
      bytes_that_become_fewer_are_progress, pending_that_goes_up_and_down_is_a_stall)
