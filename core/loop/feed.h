/* feed - a bounded queue of items that go to a thread of a pool, some at a time and in order.
 *
 *   feed_put [any] ──▶ queue ──▶ deliver(items) [blocking], never twice at a time
 *
 * The one who puts an item never waits for the one who gets it: if the queue is full, the item is
 * not taken. Without items the feed uses no thread. */
#ifndef CORE_FEED_H
#define CORE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/pool.h"

/* The most items of one delivery. */
enum { FEED_BATCH = 256 };

struct feed;

struct feed_calls {
	/* Has the job run on a thread. False: it cannot. Called under the feed's lock. [any] */
	bool (*begin)(struct pool_job *job, void *arg);
	/* The job has ended: the feed may be freed from now on. [blocking] */
	void (*end)(void *arg);
	/* missed: how many items were not taken in front of items[0]. The items still belong to the
	 * feed. [blocking] */
	void (*deliver)(void *const *items, size_t n, uint64_t missed, void *arg);
	/* Frees an item. [any] */
	void (*drop)(void *item);
};

/* At most `max` items wait. calls: static. NULL: out of memory. [any] */
struct feed *feed_new(size_t max, const struct feed_calls *calls, void *arg);
/* No job may run. Drops the items that wait, of which there are some only if a job could not begin.
 * NULL is fine. [any] */
void feed_free(struct feed *feed);
/* Takes the item. False: the queue is full, and the item is still the caller's. Holds a lock for a
 * few instructions. [any] */
bool feed_put(struct feed *feed, void *item);

#endif
