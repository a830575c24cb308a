#include "cost.h"

#include <stdio.h>
#include <string.h>

#include "hashes.h"
#include "suite.h"

START_TEST(the_work_of_each_kind)
{
	static const struct {
		const char *hash;
		enum cost_class class;
		double work;
	} rows[] = {
		{ HASHES_BCRYPT, COST_BCRYPT, 16 },
		{ "$2b$16$x", COST_BCRYPT, 65536 },
		{ HASHES_SHA512, COST_SHA512, 1000 },
		{ HASHES_SHA512_PLAIN, COST_SHA512, 5000 },
		{ "$y$j9T$x", COST_YESCRYPT, 2048 },
		{ "$y$jAT$x", COST_YESCRYPT, 4096 },
		{ HASHES_YESCRYPT, COST_YESCRYPT_SMALL, 512 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cost cost = cost_of(rows[i].hash);

		ck_assert_int_eq(cost.class, rows[i].class);
		ck_assert_msg(cost.work == rows[i].work, "%s: %g", rows[i].hash, cost.work);
	}
}
END_TEST

/* Each step of a cost doubles the time, which is not spent. */
START_TEST(a_time_follows_from_a_cheap_hash)
{
	static const char *const pairs[][2] = { { "$2y$12", "$2y$17" },
		                                { "$6$rounds=100000$", "$6$rounds=3200000$" },
		                                { "$y$j75", "$y$jC5" } };
	static const char *const bodies[] = { &HASHES_BCRYPT[6], &HASHES_SHA512[15],
		                              &HASHES_YESCRYPT[6] };
	char text[2][300];

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		int64_t ms[2];

		for (int k = 0; k < 2; k++) {
			snprintf(text[k], sizeof text[k], "%s%s", pairs[i][k], bodies[i]);
			ms[k] = cost_measure_ms(text[k]);
		}
		ck_assert_msg(ms[1] > 8 * ms[0] && ms[1] >= 20, "%s: %lld ms, %s: %lld ms", text[0],
		              (long long)ms[0], text[1], (long long)ms[1]);
	}
}
END_TEST

SUITE("cost", the_work_of_each_kind, a_time_follows_from_a_cheap_hash)
