#include "chain/event_queue.h"

#include <spore/events.h>

#include "base/clock.h"
#include "chain/event_record.h"
#include "host/instance.h"
#include "log/log.h"
#include "loop/feed.h"
#include "thread/guest.h"

/* The work in flight is counted with the first worker, which is as good as any other. */
static bool begin_job(struct pool_job *job, void *arg)
{
	struct instance *instance = arg;
	struct pool *pool = instance_pool(instance);

	if (!pool || !instance_enter(&instance->workers[0]))
		return false;
	if (pool_submit(pool, job))
		return true;
	instance_leave(&instance->workers[0]);
	return false;
}

static void end_job(void *arg)
{
	struct instance *instance = arg;

	instance_leave(&instance->workers[0]);
}

static void deliver(void *const *items, size_t n, uint64_t missed, void *arg)
{
	struct instance *instance = arg;
	const spore_events_ops *ops = instance->component->ops;
	const spore_event *events[FEED_BATCH];
	spore_event_batch batch = {
		.struct_size = sizeof batch, .n = (uint32_t)n, .events = events, .dropped = missed
	};

	for (size_t i = 0; i < n; i++)
		events[i] = event_record_event(items[i]);
	guest_enter(instance->name, "take");
	ops->take(instance->self, &batch);
	guest_leave();
	meter_events(&instance->meter, METER_EVENTS_TAKEN, (double)n);
}

static void drop_record(void *record)
{
	event_record_unref(record);
}

bool event_queue_attach(struct instance *instance, size_t max)
{
	static const struct feed_calls calls = { begin_job, end_job, deliver, drop_record };

	if (instance->component->kind != SPORE_KIND_EVENTS)
		return true;
	instance->feed = feed_new(max, &calls, instance);
	return instance->feed != NULL;
}

static void count_dropped(struct instance *instance)
{
	unsigned held;

	meter_events(&instance->meter, METER_EVENTS_DROPPED, 1);
	if (pace_allows(&instance->faults, clock_ms(), &held))
		log_warn("event dropped: the plugin is too slow and its queue is full",
		         log_str("plugin", instance->name), log_int("others", held));
}

void event_queue_offer(struct instance *instance, struct event_record *record)
{
	if (record && feed_put(instance->feed, event_record_ref(record)))
		return;
	if (record)
		event_record_unref(record);
	count_dropped(instance);
}
