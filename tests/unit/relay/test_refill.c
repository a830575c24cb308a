#include "relay/refill.h"

#include <pthread.h>

#include "suite.h"

static const int64_t s_ns = 1000000000;

/* Takes as much as it can each millisecond. */
static uint64_t run(struct refill *refill, uint64_t n, int64_t from_ns, int64_t for_ns)
{
	uint64_t taken = 0;

	for (int64_t ns = from_ns; ns < from_ns + for_ns; ns += 1000000) {
		while (refill_take(refill, n, ns))
			taken += n;
	}
	return taken;
}

START_TEST(the_rate_holds_over_time)
{
	static const uint64_t rates[] = { 1000, 123456, 10000000, (uint64_t)1 << 34 };

	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		uint64_t rate = rates[i], n = rate / 50, taken;
		struct refill refill;

		refill_init(&refill, s_ns / 10);
		refill_set_rate(&refill, rate);
		taken = run(&refill, n, 5 * s_ns, 10 * s_ns);
		ck_assert_uint_ge(taken, 10 * rate - n);
		ck_assert_uint_le(taken, 10 * rate + rate / 10);
	}
}
END_TEST

START_TEST(a_pause_saves_no_more_than_the_burst)
{
	struct refill refill;

	refill_init(&refill, s_ns);
	refill_set_rate(&refill, 10);
	ck_assert_uint_ge(run(&refill, 1, 0, 1000000), 9);
	ck_assert_uint_le(run(&refill, 1, 100 * s_ns, 1000000), 10);
}
END_TEST

START_TEST(no_rate_is_no_limit)
{
	struct refill refill;

	refill_init(&refill, s_ns);
	ck_assert(refill_take(&refill, UINT64_MAX, 0));
	ck_assert_int_eq(refill_wait_ns(&refill, 1000, 0), 0);
}
END_TEST

START_TEST(a_debt_is_paid_back)
{
	struct refill refill;

	refill_init(&refill, s_ns / 10);
	refill_set_rate(&refill, 1000);
	refill_charge(&refill, 1100, 0);
	ck_assert(!refill_take(&refill, 10, s_ns));
	ck_assert_int_le(refill_wait_ns(&refill, 10, s_ns), s_ns / 100 + 1);
	ck_assert(refill_take(&refill, 10, s_ns + s_ns / 50));
	refill_give_back(&refill, 10);
	ck_assert(refill_take(&refill, 10, s_ns + s_ns / 50));
}
END_TEST

START_TEST(a_low_rate_makes_progress)
{
	for (uint64_t rate = 1; rate <= 20; rate++) {
		struct refill refill;
		uint64_t taken;

		refill_init(&refill, s_ns / 10);
		refill_set_rate(&refill, rate);
		ck_assert_int_eq(refill_wait_ns(&refill, 1, 5 * s_ns), 0);
		taken = run(&refill, 1, 5 * s_ns, 10 * s_ns);
		ck_assert_uint_ge(taken, 10 * rate - rate / 10 - 1);
		ck_assert_uint_le(taken, 10 * rate + rate / 10 + 1);
		ck_assert_int_gt(refill_wait_ns(&refill, 1, 15 * s_ns - 1000000), 0);
	}
}
END_TEST

struct taker {
	struct refill *refill;
	uint64_t taken;
};

static void *take_all(void *arg)
{
	struct taker *taker = arg;

	taker->taken = run(taker->refill, 100, 0, s_ns);
	return NULL;
}

START_TEST(threads_share_the_rate)
{
	struct refill refill;
	struct taker takers[4];
	pthread_t threads[4];
	uint64_t taken = 0;

	refill_init(&refill, s_ns / 10);
	refill_set_rate(&refill, 1000000);
	for (int i = 0; i < 4; i++) {
		takers[i].refill = &refill;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_all, &takers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		taken += takers[i].taken;
	}
	ck_assert_uint_le(taken, 1100000);
	ck_assert_uint_ge(taken, 990000);
}
END_TEST

SUITE("refill", the_rate_holds_over_time, a_pause_saves_no_more_than_the_burst, no_rate_is_no_limit,
      a_debt_is_paid_back, a_low_rate_makes_progress, threads_share_the_rate)
