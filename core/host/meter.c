#include "host/meter.h"

#include "base/clock.h"
#include "loop/loop.h"
#include "metrics/families.h"

enum { CANCELLED = METER_VERDICTS - 2, OTHER = METER_VERDICTS - 1 };

static const struct {
	int32_t verdict;
	const char *name, *reason;
} verdicts[METER_VERDICTS] = {
	{ SPORE_ALLOW, "allow", "" },
	{ SPORE_DENY, "deny", "" },
	{ SPORE_NEXT, "next", "" },
	{ SPORE_ENOMEM, "error", "no_memory" },
	{ SPORE_ETIMEOUT, "error", "timeout" },
	{ SPORE_EBACKEND, "error", "backend" },
	{ SPORE_ESYS, "error", "system" },
	{ SPORE_EBUSY, "error", "busy" },
	{ SPORE_ECLOSED, "error", "closed" },
	[CANCELLED] = { 0, "none", "cancelled" },
	[OTHER] = { 0, "error", "other" },
};

static const struct {
	uint32_t kind, role;
	const char *kind_name, *call_name;
} calls[METER_CALLS] = {
	[METER_VERIFY] = { SPORE_KIND_AUTH, SPORE_ROLE_SERVER, "auth", "verify" },
	[METER_ANSWER] = { SPORE_KIND_AUTH, SPORE_ROLE_CLIENT, "auth", "answer" },
	[METER_CHECK] = { SPORE_KIND_ACL, SPORE_ROLE_SERVER, "acl", "check" },
	[METER_WRAP] = { SPORE_KIND_TRANSPORT, SPORE_ROLE_SERVER | SPORE_ROLE_CLIENT, "transport",
	                 "wrap" },
};

static void init_verdicts(struct meter *meter, const char *instance)
{
	for (size_t i = 0; i < METER_VERDICTS; i++) {
		const char *values[] = { instance, verdicts[i].name, verdicts[i].reason };

		meter->verdicts[i] = family_series(meter->metrics, FAMILY_AUTH_VERDICTS, values);
	}
	meter->verdict_time = family_series(meter->metrics, FAMILY_AUTH_VERDICT_TIME, &instance);
}

void meter_init(struct meter *meter, struct metrics *metrics, const spore_component *component,
                uint32_t role, const char *instance)
{
	*meter = (struct meter){ .metrics = metrics };
	for (size_t i = 0; i < METER_CALLS; i++) {
		const char *values[] = { calls[i].kind_name, instance, calls[i].call_name };

		if (component->kind == calls[i].kind && role & calls[i].role)
			meter->calls[i] = family_series(metrics, FAMILY_PLUGIN_CALL_TIME, values);
	}
	if (component->kind == SPORE_KIND_AUTH && role == SPORE_ROLE_SERVER)
		init_verdicts(meter, instance);
}

static void observe(const struct meter *meter, const struct loop *loop, uint32_t series,
                    int64_t began_ns)
{
	metrics_observe(meter->metrics, loop_index(loop), series,
	                (double)(clock_ns() - began_ns) / 1e9);
}

void meter_call(const struct meter *meter, const struct loop *loop, enum meter_call call,
                int64_t began_ns)
{
	observe(meter, loop, meter->calls[call], began_ns);
}

void meter_verdict(const struct meter *meter, const struct loop *loop, int32_t verdict,
                   int64_t asked_ns)
{
	size_t i = 0;

	while (i < CANCELLED && verdicts[i].verdict != verdict)
		i++;
	metrics_add(meter->metrics, loop_index(loop), meter->verdicts[i < CANCELLED ? i : OTHER],
	            1);
	observe(meter, loop, meter->verdict_time, asked_ns);
}

void meter_no_verdict(const struct meter *meter, const struct loop *loop)
{
	metrics_add(meter->metrics, loop_index(loop), meter->verdicts[CANCELLED], 1);
}
