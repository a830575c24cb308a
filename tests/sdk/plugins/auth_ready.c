/* auth_ready - is not ready when worker_start returns, but after a while, never, or not at all: it
 * fails later. Logs what the host calls before it is ready. Otherwise allows everybody. */
#include <stdbool.h>

#include "probe.h"

enum outcome { READY, NEVER, FAILS };

struct conf {
	int64_t outcome, after, worker;
};

static const spore_option options[] = {
	SPORE_ENUM(struct conf, outcome, 0, "\"ready\"", "ready|never|fails", "what becomes of it"),
	SPORE_DURATION(struct conf, after, 0, "\"200ms\"", 0, 60000, "when"),
	SPORE_INT(struct conf, worker, 0, "-1", -1, 255, "the worker that is late; -1: all"),
};

struct instance {
	PROBE_FIELDS;
};

struct state {
	const struct instance *instance;
	spore_ticket ticket; /* 0: ready */
	spore_timer timer;
};

static void say(const struct state *state, const char *event)
{
	spore_logf(state->instance->host, state->instance->ctx, SPORE_LOG_INFO, "%s", event);
}

static void on_timer(void *arg)
{
	struct state *state = arg;
	const spore_host *host = state->instance->host;
	bool fails = state->instance->conf->outcome == FAILS;

	host->timer_stop(state->timer);
	state->timer.id = 0;
	say(state, fails ? "fails" : "is ready");
	host->complete_start(state->ticket, fails ? SPORE_EBACKEND : SPORE_OK);
	probe_log(host, state->instance->ctx, "repeated", "status",
	          host->complete_start(state->ticket, SPORE_OK));
	state->ticket = 0;
}

static bool is_late(const struct instance *instance, const spore_worker *worker)
{
	return instance->conf->worker < 0 ||
	       instance->conf->worker == (int64_t)instance->host->worker_index(worker);
}

static spore_status worker_start(void *arg, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	const struct instance *instance = arg;
	struct state *state = calloc(1, sizeof *state);

	if (!state)
		return SPORE_ENOMEM;
	state->instance = instance;
	*state_out = state;
	if (!is_late(instance, worker))
		return SPORE_OK;
	state->ticket = ticket;
	say(state, "is not ready yet");
	if (instance->conf->outcome != NEVER)
		instance->host->timer_start(worker, instance->conf->after, 0, on_timer, state,
		                            &state->timer);
	return SPORE_EPENDING;
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct state *state = arg;

	(void)rq;
	(void)ticket;
	if (state->ticket)
		say(state, "verify before it is ready");
	return SPORE_ALLOW;
}

static void worker_drain(void *arg)
{
	say(arg, ((const struct state *)arg)->ticket ? "drained before it is ready" : "drained");
}

static void worker_stop(void *arg)
{
	struct state *state = arg;
	const spore_host *host = state->instance->host;

	if (state->ticket)
		probe_log(host, state->instance->ctx, "stopped before it was ready", "status",
		          host->complete_start(state->ticket, SPORE_OK));
	host->timer_stop(state->timer);
	free(state);
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "ready",
	.summary = "is ready later",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_drain = worker_drain,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_ready", "1.0.0", "The Spore authors", "MIT", "", &component);
