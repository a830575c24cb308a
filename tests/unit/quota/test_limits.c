#include "quota/limits.h"

#include <pthread.h>

#include "suite.h"

static struct limits make(unsigned descriptors, unsigned n_workers)
{
	return limits_make(&(struct limit_settings){ .max_tunnels = 7 }, descriptors, n_workers);
}

START_TEST(settings_are_taken_as_they_are)
{
	static spore_cidr exempt;
	struct limit_settings settings = { .max_relays = 3,
		                           .ban_time = 60000,
		                           .ban_exempt = { &exempt, 1, sizeof exempt } };
	struct limits limits = limits_make(&settings, 1024, 1);

	ck_assert_int_eq(limits.settings.max_relays, 3);
	ck_assert_int_eq(limits.settings.ban_time, 60000);
	ck_assert_ptr_eq(limits.settings.ban_exempt.items, &exempt);
	ck_assert_uint_eq(limits.settings.ban_exempt.count, 1);
	ck_assert_int_eq(make(1024, 1).settings.max_tunnels, 7);
}
END_TEST

START_TEST(descriptors_are_divided)
{
	struct limits limits = make(65536, 4);

	ck_assert_uint_eq(limits.ahead, 1024);
	ck_assert_uint_eq(limits.strangers, 4096 - 1024);
	ck_assert_uint_eq(limits.pipes, 512 / 4);
	ck_assert_uint_eq(limits.places, (65536 - 2 * 512 - 4096) / 2);
	ck_assert_int_eq(limits.scarce_fd, 65536 - 1024);
	ck_assert_uint_eq(limits.lingerers, 64);
}
END_TEST

START_TEST(few_descriptors_leave_something_for_each)
{
	struct limits limits = make(256, 1);

	ck_assert_uint_eq(limits.places, (256 - 2 * 2 - 40) / 2);
	ck_assert_uint_eq(limits.ahead, 4);
	ck_assert_uint_eq(limits.strangers, 12);
	ck_assert_int_eq(limits.scarce_fd, 252);
	ck_assert_uint_eq(limits.lingerers, 7);
	limits = make(32, 1);
	ck_assert_uint_eq(limits.places, 2);
	ck_assert_uint_eq(limits.strangers, 8);
	ck_assert_int_eq(limits.scarce_fd, 28);
	ck_assert_uint_eq(limits.pipes, 0);
	ck_assert_uint_eq(limits.lingerers, 5);
}
END_TEST

/* All shares together stay within any number of descriptors. */
START_TEST(descriptors_never_run_out)
{
	for (unsigned n = 128; n <= 1u << 20; n += n / 7) {
		struct limits limits = make(n, 1);
		unsigned used = 2 * limits.places + 2 * limits.pipes + limits.ahead +
		                limits.strangers;

		ck_assert_msg(used <= n, "%u of %u", used, n);
		ck_assert_int_gt(limits.scarce_fd, 0);
		ck_assert_int_lt(limits.scarce_fd, (int)n);
	}
}
END_TEST

START_TEST(workers_share)
{
	struct limits one = make(4096, 1), eight = make(4096, 8);

	ck_assert_uint_eq(one.pipes, 32);
	ck_assert_uint_eq(eight.pipes, 4);
	ck_assert_uint_eq(one.lingerers, 64);
	ck_assert_uint_eq(eight.lingerers, (256 - 64) / 2 / 8 + 1);
	ck_assert_uint_eq(eight.places, one.places);
	ck_assert_uint_eq(eight.strangers, one.strangers);
	ck_assert_uint_eq(make(4096, 4096).lingerers, 1); /* at least one */
}
END_TEST

START_TEST(strangers_may_be_set)
{
	struct limit_settings settings = { .max_unauthenticated = 100 };

	ck_assert_uint_eq(limits_make(&settings, 1024, 1).strangers, 100);
	ck_assert_uint_eq(limits_make(&settings, 1024, 2).lingerers, 26);
	settings.max_unauthenticated = 1;
	ck_assert_uint_eq(limits_make(&settings, 1024, 1).strangers, 8);
}
END_TEST

/* With so many descriptors, and no fewer, all shares are as large as the settings allow. */
START_TEST(settings_need_descriptors)
{
	static const struct limit_settings all[] = {
		{ 0 },
		{ .max_relays = 1 },
		{ .max_relays = 100 },
		{ .max_relays = 1000000 },
		{ .max_relays = 1, .max_unauthenticated = 1000 },
		{ .max_relays = 5000, .max_unauthenticated = 100 }
	};

	ck_assert_uint_eq(limits_need(&all[0]),
	                  limits_need(&(struct limit_settings){ .max_relays = 256 }));
	ck_assert_uint_eq(limits_need(&all[1]), 48);
	for (size_t i = 1; i < sizeof all / sizeof *all; i++) {
		unsigned n = limits_need(&all[i]);
		struct limits limits = limits_make(&all[i], n, 1);

		ck_assert_uint_ge(limits.places, 1 + (unsigned)all[i].max_relays);
		ck_assert_uint_ge(n, 2 * (1 + (unsigned)all[i].max_relays) + 2 * limits.pipes +
		                             limits.ahead + (unsigned)all[i].max_unauthenticated);
		ck_assert_uint_le(n, 49 + 5 * (unsigned)all[i].max_relays / 2 +
		                             11 * (unsigned)all[i].max_unauthenticated / 10);
	}
}
END_TEST

START_TEST(a_quarter_is_for_visitors)
{
	const struct limits limits = { .places = 100 }, few = { .places = 2 };

	ck_assert_uint_eq(limits_most_tunnels(&limits), 75);
	ck_assert_uint_eq(limits_most_tunnels(&few), 1);
}
END_TEST

START_TEST(zero_means_no_limit)
{
	ck_assert_uint_eq(limit_of(0), UINT_MAX);
	ck_assert_uint_eq(limit_of(1), 1);
	ck_assert_uint_eq(limit_of(1000000), 1000000);
}
END_TEST

START_TEST(no_more_are_taken_than_there_are)
{
	atomic_uint count = 0;

	ck_assert(!limit_take(&count, 0));
	ck_assert(limit_take(&count, 2) && limit_take(&count, 2));
	ck_assert(!limit_take(&count, 2));
	ck_assert_uint_eq(count, 2);
	ck_assert(!limit_take(&count, 1)); /* the limit is lower now */
	ck_assert(limit_take(&count, limit_of(0)));
	ck_assert_uint_eq(count, 3);
}
END_TEST

enum { THREADS = 3, TRIES = 20000, PLACES = 2 };

static atomic_uint taken, most_seen;

static void *take_and_give(void *arg)
{
	(void)arg;
	for (int i = 0; i < TRIES; i++) {
		if (!limit_take(&taken, PLACES))
			continue;
		if (atomic_load(&taken) > atomic_load(&most_seen))
			atomic_store(&most_seen, atomic_load(&taken));
		atomic_fetch_sub(&taken, 1);
	}
	return NULL;
}

START_TEST(threads_take_no_more_either)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, take_and_give, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(taken, 0);
	ck_assert_uint_ge(most_seen, 1);
	ck_assert_uint_le(most_seen, PLACES);
}
END_TEST

START_TEST(nothing_is_given_back_that_was_not_taken)
{
	atomic_uint count;

	atomic_init(&count, 0);
	ck_assert(!limit_give(&count));
	ck_assert_uint_eq(count, 0);
	ck_assert(limit_take(&count, 5));
	ck_assert(limit_take(&count, 5));
	ck_assert(limit_give(&count));
	ck_assert_uint_eq(count, 1);
	ck_assert(limit_give(&count));
	ck_assert(!limit_give(&count));
	ck_assert_uint_eq(count, 0);
}
END_TEST

static atomic_uint given, to_give;

static void *give_all(void *arg)
{
	(void)arg;
	while (limit_give(&to_give))
		atomic_fetch_add(&given, 1);
	return NULL;
}

START_TEST(threads_give_each_one_once)
{
	pthread_t threads[THREADS];

	atomic_store(&to_give, TRIES);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, give_all, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(given, TRIES);
	ck_assert_uint_eq(to_give, 0);
}
END_TEST

START_TEST(a_proxy_may_have_half_of_the_strangers)
{
	ck_assert_uint_eq(limits_of_proxy(&(struct limits){ .strangers = 101 }), 50);
	ck_assert_uint_eq(limits_of_proxy(&(struct limits){ .strangers = 1 }), 1);
}
END_TEST

SUITE("limits", settings_are_taken_as_they_are, descriptors_are_divided,
      few_descriptors_leave_something_for_each, descriptors_never_run_out, workers_share,
      strangers_may_be_set, settings_need_descriptors, a_quarter_is_for_visitors,
      zero_means_no_limit, no_more_are_taken_than_there_are, threads_take_no_more_either,
      nothing_is_given_back_that_was_not_taken, threads_give_each_one_once,
      a_proxy_may_have_half_of_the_strangers)
