/* auth_timer - decides, or answers, from a timer: later, never, twice, or after the peer has left.
 *
 * Each completion is logged with its status, each cancel with what was cancelled. */
#include "probe.h"

struct conf {
	spore_str answer;
	int64_t delay, verdict;
	uint32_t never, twice, keep;
};

static const spore_option options[] = {
	SPORE_SECRET(struct conf, answer, SPORE_OPTF_REQUIRED, "what a client must say, and says"),
	SPORE_DURATION(struct conf, delay, 0, "0.05", 0, 60000, "time until the completion"),
	SPORE_ENUM(struct conf, verdict, 0, "\"allow\"", PROBE_VERDICTS, "on a right answer"),
	SPORE_BOOL(struct conf, never, 0, NULL, "complete nothing"),
	SPORE_BOOL(struct conf, twice, 0, NULL, "complete everything twice"),
	SPORE_BOOL(struct conf, keep, 0, NULL, "complete even what was cancelled"),
};

struct instance {
	PROBE_FIELDS;
};

/* One on each worker, so nothing here needs a lock. */
struct state {
	struct instance *instance;
	spore_worker *worker;
	struct pending *first;
};

struct pending {
	struct pending *next;
	struct state *state;
	spore_ticket ticket;
	spore_timer timer; /* {0}: never */
	int32_t verdict;   /* the verdict of verify(); SPORE_OK: an answer */
};

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct state *state = calloc(1, sizeof *state);

	(void)ticket;
	if (!state)
		return SPORE_ENOMEM;
	state->instance = instance;
	state->worker = worker;
	*state_out = state;
	return SPORE_OK;
}

static void forget(struct pending *pending)
{
	struct pending **link = &pending->state->first;

	while (*link != pending)
		link = &(*link)->next;
	*link = pending->next;
	pending->state->instance->host->timer_stop(pending->timer);
	free(pending);
}

static void worker_stop(void *arg)
{
	struct state *state = arg;

	while (state->first)
		forget(state->first);
	free(state);
}

static spore_status complete(const struct pending *pending)
{
	const struct instance *instance = pending->state->instance;

	if (pending->verdict == SPORE_OK)
		return instance->host->complete_answer(pending->ticket, SPORE_OK,
		                                       instance->conf->answer);
	return instance->host->complete_verify(pending->ticket, pending->verdict, NULL);
}

static void on_timer(void *arg)
{
	struct pending *pending = arg;
	const struct instance *instance = pending->state->instance;

	for (uint32_t i = 0; i <= instance->conf->twice; i++)
		probe_log(instance->host, instance->ctx, "completed", "status", complete(pending));
	forget(pending);
}

static spore_status begin(struct state *state, spore_ticket ticket, int32_t verdict)
{
	const struct instance *instance = state->instance;
	struct pending *pending = calloc(1, sizeof *pending);

	if (!pending)
		return SPORE_ENOMEM;
	*pending = (struct pending){ state->first, state, ticket, { 0 }, verdict };
	state->first = pending;
	if (!instance->conf->never)
		instance->host->timer_start(state->worker, instance->conf->delay, 0, on_timer,
		                            pending, &pending->timer);
	return SPORE_EPENDING;
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	struct state *state = arg;
	const struct conf *conf = state->instance->conf;
	int right = probe_same(rq->answer, conf->answer);

	return begin(state, ticket, right ? probe_verdicts[conf->verdict] : SPORE_DENY);
}

static spore_status answer(void *arg, const spore_answer_request *rq, spore_ticket ticket)
{
	(void)rq;
	return begin(arg, ticket, SPORE_OK);
}

static void cancel(void *arg, spore_ticket ticket)
{
	struct state *state = arg;
	const struct instance *instance = state->instance;
	struct pending *pending = state->first;

	while (pending && pending->ticket != ticket)
		pending = pending->next;
	probe_log(instance->host, instance->ctx, "cancelled", "known", pending != NULL);
	if (pending && !instance->conf->keep)
		forget(pending);
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.answer = answer,
	.cancel = cancel,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "timer",
	.summary = "decides from a timer",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_timer", "1.0.0", "The Spore authors", "MIT", "", &component);
