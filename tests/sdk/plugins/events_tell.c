/* events_tell - logs the events that it takes, one line each, and waits before each batch as its
 * options say. */
#include <spore/events.h>
#include <unistd.h>

#include "probe.h"

struct conf {
	int64_t delay;
	const char *until;
	uint32_t quiet;
};

static const spore_option options[] = {
	SPORE_DURATION(struct conf, delay, 0, "0", 0, 60000, "of each batch"),
	SPORE_STRING(struct conf, until, 0, NULL, "a batch waits until this file is there"),
	SPORE_BOOL(struct conf, quiet, 0, "false", "log no events, but numbers only"),
};

struct listener {
	PROBE_FIELDS;
	int inside;
};

static spore_status create(const spore_create_args *args, void **instance_out)
{
	*instance_out = PROBE_NEW(struct listener, args);
	return *instance_out ? SPORE_OK : SPORE_ENOMEM;
}

static void tell(const struct listener *l, const spore_event *e)
{
	spore_logf(l->host, l->ctx, SPORE_LOG_INFO,
	           "event %u port=%u tunnel=%llu up=%llu down=%llu identity=%.*s reason=%.*s",
	           e->type, e->port, (unsigned long long)e->tunnel, (unsigned long long)e->bytes_up,
	           (unsigned long long)e->bytes_down, (int)e->identity.len, e->identity.ptr,
	           (int)e->reason.len, e->reason.ptr);
}

static void take(void *instance, const spore_event_batch *batch)
{
	struct listener *l = instance;

	if (__atomic_fetch_add(&l->inside, 1, __ATOMIC_SEQ_CST) != 0)
		spore_logf(l->host, l->ctx, SPORE_LOG_ERROR, "two batches at a time");
	while (l->conf->until && access(l->conf->until, F_OK) != 0)
		usleep(10000);
	usleep((useconds_t)l->conf->delay * 1000);
	if (batch->dropped)
		probe_log(l->host, l->ctx, "missed events", "n", (int64_t)batch->dropped);
	for (uint32_t i = 0; i < batch->n && !l->conf->quiet; i++)
		tell(l, batch->events[i]);
	__atomic_fetch_sub(&l->inside, 1, __ATOMIC_SEQ_CST);
}

static const spore_events_ops ops = { .struct_size = sizeof ops, .take = take };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_EVENTS,
	.name = "tell",
	.summary = "logs events",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = free,
};

SPORE_PLUGIN("events_tell", "1.0.0", "The Spore authors", "MIT", "", &component);
