#include "rest.h"

#include "base/clock.h"
#include "suite.h"

START_TEST(a_pause_lasts)
{
	int64_t began_ms = clock_ms();
	struct rest rest;

	rest_init(&rest);
	ck_assert(rest_wait(&rest, 0));
	ck_assert(rest_wait(&rest, 50));
	ck_assert_int_ge(clock_ms() - began_ms, 50);
	rest_fini(&rest);
}
END_TEST

static void *end_rest(void *rest)
{
	rest_end(rest);
	return NULL;
}

START_TEST(the_end_ends_all_pauses)
{
	pthread_t thread;
	struct rest rest;

	rest_init(&rest);
	ck_assert_int_eq(pthread_create(&thread, NULL, end_rest, &rest), 0);
	ck_assert(!rest_wait(&rest, 3600000));
	ck_assert(!rest_wait(&rest, 3600000));
	pthread_join(thread, NULL);
	rest_fini(&rest);
}
END_TEST

SUITE("rest", a_pause_lasts, the_end_ends_all_pauses)
