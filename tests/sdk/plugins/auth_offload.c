/* auth_offload - asks a slow back-end through host->offload: on a thread of the pool, then back on
 * the worker. The ticket is completed from either, as configured. */
#include <time.h>

#include "probe.h"

enum { FROM_WORK, FROM_DONE };

struct conf {
	spore_str answer;
	int64_t sleep, from;
};

static const spore_option options[] = {
	SPORE_SECRET(struct conf, answer, SPORE_OPTF_REQUIRED, "what a client must say, and says"),
	SPORE_DURATION(struct conf, sleep, 0, "0.05", 0, 60000, "time that the work takes"),
	SPORE_ENUM(struct conf, from, 0, "\"work\"", "work|done", "where the ticket is completed"),
};

struct instance {
	PROBE_FIELDS;
};

struct state {
	struct instance *instance;
	spore_worker *worker;
};

struct job {
	struct instance *instance;
	spore_ticket ticket;
	int32_t verdict; /* SPORE_OK: an answer */
};

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct state *state = malloc(sizeof *state);

	(void)ticket;
	if (!state)
		return SPORE_ENOMEM;
	*state = (struct state){ instance, worker };
	*state_out = state;
	return SPORE_OK;
}

static void complete(const struct job *job)
{
	const struct instance *instance = job->instance;
	const spore_host *host = instance->host;
	spore_status status;

	if (job->verdict == SPORE_OK)
		status = host->complete_answer(job->ticket, SPORE_OK, instance->conf->answer);
	else
		status = host->complete_verify(job->ticket, job->verdict, NULL);
	probe_log(host, instance->ctx, "completed", "status", status);
}

static void work(void *arg)
{
	const struct job *job = arg;
	int64_t ms = job->instance->conf->sleep;
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
	if (job->instance->conf->from == FROM_WORK)
		complete(job);
}

static void on_done(void *arg)
{
	struct job *job = arg;

	if (job->instance->conf->from == FROM_DONE)
		complete(job);
	free(job);
}

static spore_status begin(struct state *state, spore_ticket ticket, int32_t verdict)
{
	struct job *job = malloc(sizeof *job);
	spore_status status;

	if (!job)
		return SPORE_ENOMEM;
	*job = (struct job){ state->instance, ticket, verdict };
	status = state->instance->host->offload(state->worker, work, on_done, job);
	if (status == SPORE_OK)
		return SPORE_EPENDING;
	free(job);
	return status;
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	struct state *state = arg;
	int right = probe_same(rq->answer, state->instance->conf->answer);

	return begin(state, ticket, right ? SPORE_ALLOW : SPORE_DENY);
}

static spore_status answer(void *arg, const spore_answer_request *rq, spore_ticket ticket)
{
	(void)rq;
	return begin(arg, ticket, SPORE_OK);
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.answer = answer,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "offload",
	.summary = "decides on the host's pool",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_stop = free,
};

SPORE_PLUGIN("auth_offload", "1.0.0", "The Spore authors", "MIT", "", &component);
