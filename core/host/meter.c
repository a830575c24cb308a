#include "host/meter.h"

#include <spore/auth.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "metrics/families.h"
#include "thread/delays.h"

enum { CANCELLED = METER_VERDICTS - 2, OTHER = METER_VERDICTS - 1 };

static const struct {
	int32_t verdict;
	const char *name, *reason;
} verdicts[METER_VERDICTS] = {
	{ SPORE_ALLOW, "allow", "" },
	{ SPORE_DENY, "deny", "" },
	{ SPORE_NEXT, "next", "" },
	{ SPORE_UNBOUND, "unbound", "" },
	{ SPORE_ENOMEM, "error", "no_memory" },
	{ SPORE_ETIMEOUT, "error", "timeout" },
	{ SPORE_EBACKEND, "error", "backend" },
	{ SPORE_ESYS, "error", "system" },
	{ SPORE_EBUSY, "error", "busy" },
	{ SPORE_ECLOSED, "error", "closed" },
	[CANCELLED] = { 0, "none", "cancelled" },
	[OTHER] = { 0, "error", "other" },
};

static void init_calls(struct meter *meter, const struct kind *kind, uint32_t role,
                       const char *instance)
{
	/* Listeners for events do not run on workers. */
	if (kind->queue)
		return;
	for (size_t i = 0; i < KIND_MAX_SLOTS && kind->slots[i].name; i++) {
		const char *values[] = { kind->name, instance, kind->slots[i].name };

		if (kind->slots[i].roles & role)
			meter->calls[i] = family_series(meter->metrics, FAMILY_PLUGIN_CALL_TIME,
			                                values);
	}
}

static void init_verdicts(struct meter *meter, const char *instance)
{
	for (size_t i = 0; i < METER_VERDICTS; i++) {
		const char *values[] = { instance, verdicts[i].name, verdicts[i].reason };

		meter->verdicts[i] = family_series(meter->metrics, FAMILY_AUTH_VERDICTS, values);
	}
	meter->verdict_time = family_series(meter->metrics, FAMILY_AUTH_VERDICT_TIME, &instance);
}

static void init_events(struct meter *meter, const char *instance)
{
	meter->events[METER_EVENTS_TAKEN] = family_series(meter->metrics, FAMILY_EVENTS, &instance);
	meter->events[METER_EVENTS_DROPPED] = family_series(meter->metrics, FAMILY_EVENTS_DROPPED,
	                                                    &instance);
}

/* [any] */
static double read_slow_calls(void *instance)
{
	return (double)delays_count(instance);
}

static void init_slow_calls(struct meter *meter, const char *instance)
{
	metrics_sample(meter->metrics,
	               family_series(meter->metrics, FAMILY_PLUGIN_SLOW_CALLS, &instance),
	               read_slow_calls, (void *)(uintptr_t)instance);
}

void meter_init(struct meter *meter, struct metrics *metrics, const spore_component *component,
                uint32_t role, const char *instance)
{
	*meter = (struct meter){ .metrics = metrics };
	init_slow_calls(meter, instance);
	init_calls(meter, kind_find(component->kind), role, instance);
	if (component->kind == SPORE_KIND_AUTH && role == SPORE_ROLE_SERVER)
		init_verdicts(meter, instance);
	if (component->kind == SPORE_KIND_EVENTS)
		init_events(meter, instance);
}

uint32_t meter_add_last_good(struct meter *meter, const char *instance)
{
	const char *control[] = { instance, "control" }, *data[] = { instance, "data" };

	meter->good_control = family_series(meter->metrics, FAMILY_AUTH_LAST_GOOD, control);
	meter->good_data = family_series(meter->metrics, FAMILY_AUTH_LAST_GOOD, data);
	return family_series(meter->metrics, FAMILY_AUTH_LAST_GOOD_ENTRIES, &instance);
}

static void observe_time(const struct meter *meter, const struct loop *loop, uint32_t series,
                         int64_t began_ns)
{
	metrics_observe(meter->metrics, loop_index(loop), series,
	                (double)(clock_ns() - began_ns) / 1e9);
}

void meter_call(const struct meter *meter, const struct loop *loop, size_t slot, int64_t began_ns)
{
	observe_time(meter, loop, meter->calls[slot], began_ns);
}

void meter_verdict(const struct meter *meter, const struct loop *loop, int32_t verdict,
                   int64_t asked_ns)
{
	size_t i = 0;

	while (i < CANCELLED && verdicts[i].verdict != verdict)
		i++;
	metrics_add(meter->metrics, loop_index(loop), meter->verdicts[i < CANCELLED ? i : OTHER],
	            1);
	observe_time(meter, loop, meter->verdict_time, asked_ns);
}

void meter_last_good(const struct meter *meter, const struct loop *loop, uint32_t purpose)
{
	metrics_add(meter->metrics, loop_index(loop),
	            purpose == SPORE_AUTH_DATA ? meter->good_data : meter->good_control, 1);
}

void meter_no_verdict(const struct meter *meter, const struct loop *loop)
{
	metrics_add(meter->metrics, loop_index(loop), meter->verdicts[CANCELLED], 1);
}

void meter_events(const struct meter *meter, enum meter_events what, double n)
{
	metrics_add(meter->metrics, METRICS_SHARED, meter->events[what], n);
}
