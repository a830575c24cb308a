#include "way/standstill.h"

#include "suite.h"

enum { PERIOD_MS = 2000 };

static struct standstill standstill;
static struct standstill_clocks now;
static bool slept;

/* The process runs for run_ms and the machine sleeps for sleep_ms before the next look. */
static int64_t look_after(int64_t run_ms, int64_t sleep_ms)
{
	now.monotonic_ms += run_ms;
	now.boot_ms += run_ms + sleep_ms;
	return standstill_look(&standstill, now, PERIOD_MS, &slept);
}

START_TEST(a_sleep_and_a_stop_are_told_apart)
{
	now = (struct standstill_clocks){ .boot_ms = 90000, .monotonic_ms = 5000 };
	standstill_init(&standstill, now);
	ck_assert_int_eq(look_after(2000, 0), 0);
	ck_assert_int_eq(look_after(4999, 0), 0); /* the process is busy */
	ck_assert_int_eq(look_after(9000, 0), 7000);
	ck_assert(!slept);
	ck_assert_int_eq(look_after(1500, 3600000), 3599500);
	ck_assert(slept);
	ck_assert_int_eq(look_after(2000, 0), 0);
	ck_assert(!slept);
	ck_assert_int_eq(look_after(100, 200), 0);
}
END_TEST

SUITE("standstill", a_sleep_and_a_stop_are_told_apart)
