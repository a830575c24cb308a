#include "loop/deadline.h"

#include "base/container.h"
#include "run_until.h"
#include "suite.h"

struct item {
	struct deadline deadline;
	int64_t at;
	unsigned n;
	struct item *stops, *restarts;
};

static struct deadline_list deadlines;

static void on_expired(struct deadline *deadline)
{
	struct item *item = CONTAINER_OF(deadline, struct item, deadline);

	item->at = clock_ms();
	item->n++;
	if (item->stops)
		deadline_stop(&item->stops->deadline);
	if (item->restarts) {
		deadline_start(&deadlines, &item->restarts->deadline);
		item->restarts = NULL;
	}
}

static struct loop *start(int64_t after_ms)
{
	struct loop *loop = run_until_loop();

	deadline_list_init(&deadlines, loop, after_ms, on_expired);
	return loop;
}

static void stop(struct loop *loop)
{
	deadline_list_fini(&deadlines);
	loop_free(loop);
}

START_TEST(it_expires_once_and_not_early)
{
	struct loop *loop = start(50);
	struct item item = { .n = 0 };
	int64_t begin;

	deadline_init(&item.deadline);
	run_for(loop, 2);
	begin = loop_now_ms(loop);
	deadline_start(&deadlines, &item.deadline);
	run_for(loop, 200);
	ck_assert_uint_eq(item.n, 1);
	ck_assert_int_ge(item.at, begin + 50);
	stop(loop);
}
END_TEST

START_TEST(stopped_ones_do_not_expire)
{
	struct loop *loop = start(20);
	struct item items[3] = { { .n = 0 } };

	for (int i = 0; i < 3; i++) {
		deadline_init(&items[i].deadline);
		deadline_start(&deadlines, &items[i].deadline);
	}
	ck_assert(deadline_is_running(&items[0].deadline));
	deadline_stop(&items[0].deadline);
	deadline_stop(&items[0].deadline);
	ck_assert(!deadline_is_running(&items[0].deadline));
	items[1].stops = &items[2];
	run_for(loop, 100);
	ck_assert(items[0].n == 0 && items[1].n == 1 && items[2].n == 0);
	stop(loop);
}
END_TEST

START_TEST(a_restart_counts_from_anew)
{
	struct loop *loop = start(100);
	struct item item = { .n = 0 };
	int64_t begin = clock_ms();

	deadline_init(&item.deadline);
	deadline_start(&deadlines, &item.deadline);
	while (clock_ms() < begin + 300) {
		run_for(loop, 5);
		ck_assert(item.n == 0 || clock_ms() >= begin + 100);
		if (clock_ms() < begin + 200)
			deadline_start(&deadlines, &item.deadline);
		else if (item.n)
			break;
	}
	run_for(loop, 300);
	ck_assert_uint_eq(item.n, 1);
	ck_assert_int_ge(item.at, begin + 200);
	stop(loop);
}
END_TEST

START_TEST(they_may_be_started_from_within)
{
	struct loop *loop = start(10);
	struct item a = { .n = 0 }, b = { .n = 0 };

	deadline_init(&a.deadline);
	deadline_init(&b.deadline);
	a.restarts = &b;
	b.restarts = &a;
	deadline_start(&deadlines, &a.deadline);
	run_for(loop, 200);
	ck_assert_uint_eq(a.n, 2);
	ck_assert_uint_eq(b.n, 1);
	ck_assert(list_is_empty(&deadlines.running));
	stop(loop);
}
END_TEST

/* The one that started first ends last. */
START_TEST(a_new_length_holds_for_those_that_start_later)
{
	struct loop *loop = start(400);
	struct item old = { .n = 0 }, early = { .n = 0 }, late = { .n = 0 };

	deadline_init(&old.deadline);
	deadline_init(&early.deadline);
	deadline_init(&late.deadline);
	deadline_start(&deadlines, &old.deadline);
	deadline_list_set(&deadlines, 20);
	deadline_start(&deadlines, &early.deadline);
	deadline_list_set(&deadlines, 200);
	deadline_start(&deadlines, &late.deadline);
	run_for(loop, 100);
	ck_assert(old.n == 0 && early.n == 1 && late.n == 0);
	run_for(loop, 500);
	ck_assert(old.n == 1 && late.n == 1);
	ck_assert_int_lt(late.at, old.at);
	stop(loop);
}
END_TEST

/* The timer still runs for a longer one that was stopped. */
START_TEST(a_shorter_length_does_not_wait_for_the_old_timer)
{
	struct loop *loop = start(60000);
	struct item old = { .n = 0 }, item = { .n = 0 };

	deadline_init(&old.deadline);
	deadline_init(&item.deadline);
	deadline_start(&deadlines, &old.deadline);
	deadline_stop(&old.deadline);
	deadline_list_set(&deadlines, 20);
	deadline_start(&deadlines, &item.deadline);
	run_for(loop, 200);
	ck_assert(old.n == 0 && item.n == 1);
	stop(loop);
}
END_TEST

START_TEST(ending_the_list_forgets_all)
{
	struct loop *loop = start(10);
	struct item item = { .n = 0 };

	deadline_init(&item.deadline);
	deadline_start(&deadlines, &item.deadline);
	deadline_list_fini(&deadlines);
	run_for(loop, 50);
	ck_assert_uint_eq(item.n, 0);
	deadline_stop(&item.deadline);
	loop_free(loop);
}
END_TEST

START_TEST(one_may_be_over_at_once)
{
	struct loop *loop = start(60000);
	struct item later = { .n = 0 }, now = { .n = 0 };

	deadline_init(&later.deadline);
	deadline_init(&now.deadline);
	deadline_start(&deadlines, &later.deadline);
	deadline_start_now(&deadlines, &now.deadline);
	ck_assert_uint_eq(now.n, 0); /* not from within */
	run_for(loop, 100);
	ck_assert_uint_eq(now.n, 1);
	ck_assert_uint_eq(later.n, 0);
	stop(loop);
}
END_TEST

SUITE("deadline", one_may_be_over_at_once, it_expires_once_and_not_early,
      stopped_ones_do_not_expire, a_restart_counts_from_anew,
      a_new_length_holds_for_those_that_start_later,
      a_shorter_length_does_not_wait_for_the_old_timer, they_may_be_started_from_within,
      ending_the_list_forgets_all)
