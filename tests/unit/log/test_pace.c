#include "log/pace.h"

#include <pthread.h>

#include "suite.h"

START_TEST(one_a_second_is_let_through)
{
	struct pace pace = { 0 };
	unsigned held = 99;

	ck_assert(pace_allows(&pace, 5000, &held));
	ck_assert_uint_eq(held, 0);
	for (int i = 0; i < 7; i++)
		ck_assert(!pace_allows(&pace, 5000 + 100 * i, &held));
	ck_assert(pace_allows(&pace, 6000, &held));
	ck_assert_uint_eq(held, 7);
	ck_assert(!pace_allows(&pace, 6999, &held));
	ck_assert(pace_allows(&pace, 60000, &held));
	ck_assert_uint_eq(held, 1);
}
END_TEST

static struct pace shared;
static atomic_uint let_through, told;

static void *ask_often(void *unused)
{
	(void)unused;
	for (int i = 0; i < 10000; i++) {
		unsigned held;

		if (pace_allows(&shared, 1, &held)) {
			atomic_fetch_add(&let_through, 1);
			atomic_fetch_add(&told, held);
		}
	}
	return NULL;
}

START_TEST(one_of_several_threads_logs)
{
	pthread_t threads[2];
	unsigned held;

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(let_through, 1);
	ck_assert(pace_allows(&shared, 100000, &held));
	ck_assert_uint_eq(told + held, 19999);
}
END_TEST

SUITE("pace", one_a_second_is_let_through, one_of_several_threads_logs)
