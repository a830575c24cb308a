#include "loop/feed.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "suite.h"

enum { MOST = 4000 };

/* Items are numbers. The listener waits at the gate before each delivery. */
struct listener {
	struct pool *pool;
	struct feed *feed;
	bool cannot_begin;
	sem_t entered, gate;
	atomic_uint inside, n_jobs;
	unsigned got[MOST], n_got;
	uint64_t missed[MOST]; /* in front of got[i] */
	size_t largest;
};

static atomic_uint n_dropped;

static bool begin(struct pool_job *job, void *arg)
{
	struct listener *listener = arg;

	if (listener->cannot_begin || !pool_submit(listener->pool, job))
		return false;
	atomic_fetch_add(&listener->n_jobs, 1);
	return true;
}

static void end(void *arg)
{
	struct listener *listener = arg;

	atomic_fetch_sub(&listener->n_jobs, 1);
}

static void deliver(void *const *items, size_t n, uint64_t missed, void *arg)
{
	struct listener *listener = arg;

	ck_assert_uint_eq(atomic_fetch_add(&listener->inside, 1), 0);
	sem_post(&listener->entered);
	sem_wait(&listener->gate);
	listener->missed[listener->n_got] = missed;
	listener->largest = n > listener->largest ? n : listener->largest;
	for (size_t i = 0; i < n; i++)
		listener->got[listener->n_got++] = *(const unsigned *)items[i];
	atomic_fetch_sub(&listener->inside, 1);
}

static void drop(void *item)
{
	atomic_fetch_add(&n_dropped, 1);
	free(item);
}

static const struct feed_calls calls = { begin, end, deliver, drop };

static void open_listener(struct listener *listener, size_t max)
{
	listener->pool = pool_new(2, 8);
	listener->feed = feed_new(max, &calls, listener);
	sem_init(&listener->entered, 0, 0);
	sem_init(&listener->gate, 0, 0);
	ck_assert(listener->pool && listener->feed);
}

static void close_listener(struct listener *listener)
{
	ck_assert(pool_free(listener->pool, 20000)); /* the job runs until the queue is empty */
	ck_assert_uint_eq(listener->n_jobs, 0);
	feed_free(listener->feed);
}

static void open_gate(struct listener *listener, unsigned n)
{
	while (n-- > 0)
		sem_post(&listener->gate);
}

static bool put(struct listener *listener, unsigned number)
{
	unsigned *item = malloc(sizeof *item);

	ck_assert_ptr_nonnull(item);
	*item = number;
	if (feed_put(listener->feed, item))
		return true;
	free(item);
	return false;
}

START_TEST(all_items_arrive_in_order_and_never_two_deliveries_at_a_time)
{
	static struct listener listener;

	open_listener(&listener, MOST);
	open_gate(&listener, MOST);
	for (unsigned i = 0; i < MOST; i++)
		ck_assert(put(&listener, i));
	close_listener(&listener);
	ck_assert_uint_eq(listener.n_got, MOST);
	for (unsigned i = 0; i < MOST; i++)
		ck_assert_uint_eq(listener.got[i], i);
	ck_assert_uint_le(listener.largest, FEED_BATCH);
	ck_assert_uint_eq(n_dropped, MOST);
}
END_TEST

/* 0 is being delivered, 1 to 3 wait, and 4 to 8 find the queue full. */
START_TEST(a_full_queue_takes_nothing_and_the_next_item_tells_how_much_was_missed)
{
	static struct listener listener;

	open_listener(&listener, 3);
	ck_assert(put(&listener, 0));
	sem_wait(&listener.entered);
	for (unsigned i = 1; i < 4; i++)
		ck_assert(put(&listener, i));
	for (unsigned i = 4; i < 9; i++)
		ck_assert(!put(&listener, i));
	open_gate(&listener, 1);
	sem_wait(&listener.entered); /* 1 to 3 are out of the queue */
	ck_assert(put(&listener, 9));
	ck_assert(put(&listener, 10));
	open_gate(&listener, 8);
	close_listener(&listener);
	ck_assert_uint_eq(listener.n_got, 6);
	ck_assert_uint_eq(listener.got[3], 3);
	ck_assert_uint_eq(listener.got[4], 9);
	ck_assert_uint_eq(listener.got[5], 10);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(listener.missed[i], i == 4 ? 5 : 0);
}
END_TEST

START_TEST(a_hole_begins_a_delivery)
{
	static struct listener listener;

	open_listener(&listener, 2);
	ck_assert(put(&listener, 0));
	sem_wait(&listener.entered);
	ck_assert(put(&listener, 1) && put(&listener, 2));
	ck_assert(!put(&listener, 3));
	open_gate(&listener, 1);
	sem_wait(&listener.entered);
	ck_assert(put(&listener, 4));
	ck_assert(put(&listener, 5));
	ck_assert(!put(&listener, 6));
	open_gate(&listener, 1);
	sem_wait(&listener.entered); /* 4 and 5: only 4 is behind the hole */
	ck_assert_uint_eq(listener.n_got, 3);
	ck_assert(put(&listener, 7));
	open_gate(&listener, 8);
	close_listener(&listener);
	ck_assert_uint_eq(listener.n_got, 6);
	ck_assert_uint_eq(listener.missed[3], 1);
	ck_assert_uint_eq(listener.missed[5], 1);
}
END_TEST

START_TEST(an_idle_feed_has_no_job)
{
	static struct listener listener;

	open_listener(&listener, 3);
	ck_assert_uint_eq(listener.n_jobs, 0);
	for (unsigned i = 0; i < 50; i++) {
		ck_assert(put(&listener, i));
		open_gate(&listener, 1);
		while (listener.n_jobs)
			;
	}
	close_listener(&listener);
	ck_assert_uint_eq(listener.n_got, 50);
}
END_TEST

START_TEST(items_wait_until_a_job_can_begin)
{
	static struct listener listener;

	open_listener(&listener, 3);
	listener.cannot_begin = true;
	ck_assert(put(&listener, 0));
	listener.cannot_begin = false;
	ck_assert(put(&listener, 1));
	open_gate(&listener, 2);
	close_listener(&listener);
	ck_assert_uint_eq(listener.n_got, 2);
}
END_TEST

START_TEST(what_waits_is_dropped_with_the_feed)
{
	static struct listener listener;

	open_listener(&listener, 3);
	listener.cannot_begin = true;
	ck_assert(put(&listener, 0) && put(&listener, 1));
	close_listener(&listener);
	feed_free(NULL);
	ck_assert_uint_eq(n_dropped, 2);
}
END_TEST

SUITE("feed", all_items_arrive_in_order_and_never_two_deliveries_at_a_time,
      a_full_queue_takes_nothing_and_the_next_item_tells_how_much_was_missed,
      a_hole_begins_a_delivery, an_idle_feed_has_no_job, items_wait_until_a_job_can_begin,
      what_waits_is_dropped_with_the_feed)
