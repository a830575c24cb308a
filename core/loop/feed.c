#include "loop/feed.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/container.h"

struct slot {
	void *item;      /* owned */
	uint64_t missed; /* items that were not taken in front of this one */
};

struct feed {
	struct pool_job job; /* with the pool while is_running */
	const struct feed_calls *calls;
	void *arg;
	pthread_mutex_t lock; /* guards the rest */
	bool is_running;
	uint64_t missed;      /* since the last item that was taken */
	size_t first, n, max; /* of the ring */
	struct slot ring[];
};

/* Takes out the oldest items, up to one that has missed others. Returns how many. */
static size_t take_items(struct feed *feed, void *items[FEED_BATCH], uint64_t *missed_out)
{
	size_t n = 0;

	*missed_out = feed->n ? feed->ring[feed->first].missed : 0;
	while (feed->n > 0 && n < FEED_BATCH) {
		const struct slot *slot = &feed->ring[feed->first];

		if (n > 0 && slot->missed > 0)
			break;
		items[n++] = slot->item;
		feed->first = (feed->first + 1) % feed->max;
		feed->n--;
	}
	return n;
}

static void run_feed(struct pool_job *job)
{
	struct feed *feed = CONTAINER_OF(job, struct feed, job);
	const struct feed_calls *calls = feed->calls;
	void *arg = feed->arg, *items[FEED_BATCH];
	uint64_t missed;
	size_t n;

	for (;;) {
		pthread_mutex_lock(&feed->lock);
		n = take_items(feed, items, &missed);
		feed->is_running = n > 0;
		pthread_mutex_unlock(&feed->lock);
		if (n == 0)
			break;
		calls->deliver(items, n, missed, arg);
		for (size_t i = 0; i < n; i++)
			calls->drop(items[i]);
	}
	calls->end(arg);
}

struct feed *feed_new(size_t max, const struct feed_calls *calls, void *arg)
{
	struct feed *feed = calloc(1, sizeof *feed + max * sizeof *feed->ring);

	if (!feed)
		return NULL;
	feed->job.run = run_feed;
	feed->calls = calls;
	feed->arg = arg;
	feed->max = max;
	pthread_mutex_init(&feed->lock, NULL);
	return feed;
}

void feed_free(struct feed *feed)
{
	if (!feed)
		return;
	for (size_t i = 0; i < feed->n; i++)
		feed->calls->drop(feed->ring[(feed->first + i) % feed->max].item);
	pthread_mutex_destroy(&feed->lock);
	free(feed);
}

/* Under the lock. */
static bool keep_item(struct feed *feed, void *item)
{
	if (feed->n == feed->max) {
		feed->missed++;
		return false;
	}
	feed->ring[(feed->first + feed->n++) % feed->max] = (struct slot){ item, feed->missed };
	feed->missed = 0;
	return true;
}

bool feed_put(struct feed *feed, void *item)
{
	bool taken;

	pthread_mutex_lock(&feed->lock);
	taken = keep_item(feed, item);
	if (!feed->is_running)
		feed->is_running = feed->calls->begin(&feed->job, feed->arg);
	pthread_mutex_unlock(&feed->lock);
	return taken;
}
