#include "outage.h"

#include "suite.h"

START_TEST(lines_come_at_growing_intervals)
{
	static const int64_t due_s[] = { 0, 10, 30, 70, 150 };
	struct outage outage;
	int64_t lasted_ms;
	unsigned n = 0;

	outage_init(&outage, 1);
	for (int64_t s = 0; s < 160; s++) {
		if (outage_note(&outage, 5000 + s * 1000))
			ck_assert_int_eq(s, due_s[n++]);
	}
	ck_assert_uint_eq(n, 5);
	ck_assert(outage_end(&outage, 165000, &lasted_ms));
	ck_assert_int_eq(lasted_ms, 160000);
	ck_assert(!outage_end(&outage, 166000, &lasted_ms));
	/* The next outage is logged at once. */
	ck_assert(outage_note(&outage, 166000));
	ck_assert(!outage_note(&outage, 167000));
	outage_fini(&outage);
}
END_TEST

START_TEST(no_interval_is_longer_than_the_bound)
{
	struct outage outage;
	int64_t last_s = 0;
	unsigned n = 0;

	outage_init(&outage, 3);
	for (int64_t s = 0; s < 86400; s++) {
		if (!outage_note(&outage, s * 1000))
			continue;
		n++;
		ck_assert_int_le(s - last_s, OUTAGE_MOST_MS / 1000);
		last_s = s;
	}
	/* Three at once, and at most one per hour after two hours. */
	ck_assert_uint_ge(n, 24);
	ck_assert_uint_le(n, 36);
	outage_fini(&outage);
}
END_TEST

SUITE("outage", lines_come_at_growing_intervals, no_interval_is_longer_than_the_bound)
