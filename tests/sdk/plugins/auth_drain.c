/* auth_drain - has work to do when it is drained: each worker gives the next one posts, whose
 * functions run jobs and posts. Otherwise allows everybody. Logs the order of it all. */
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "probe.h"

enum { MOST_WORKERS = 16 };

struct conf {
	int64_t rounds;
};

static const spore_option options[] = {
	SPORE_INT(struct conf, rounds, 0, "3", -1, 100, "posts after the drain; -1: without end"),
};

struct state;

struct instance {
	PROBE_FIELDS;
	uint32_t n_workers;
	struct state *states[MOST_WORKERS];
	atomic_uint n_drained, n_stopped, n_runs;
};

struct state {
	struct instance *instance;
	spore_worker *worker;
	uint32_t index;
	int64_t rounds; /* that it still has to do */
};

static void say(const struct instance *instance, const char *event, int64_t number)
{
	probe_log(instance->host, instance->ctx, event, "n", number);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct instance *instance = PROBE_NEW(struct instance, args);

	if (!instance || args->n_workers > MOST_WORKERS)
		return SPORE_ENOMEM;
	instance->n_workers = args->n_workers;
	*instance_out = instance;
	return SPORE_OK;
}

static spore_status worker_start(void *arg, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct instance *instance = arg;
	struct state *state = calloc(1, sizeof *state);

	(void)ticket;
	if (!state)
		return SPORE_ENOMEM;
	*state = (struct state){ instance, worker, instance->host->worker_index(worker),
		                 instance->conf->rounds };
	instance->states[state->index] = state;
	*state_out = state;
	return SPORE_OK;
}

static void on_post(void *arg);

static void on_job_done(void *arg)
{
	struct state *state = arg;

	atomic_fetch_add(&state->instance->n_runs, 1);
	if (state->instance->host->post(state->worker, on_post, state) == SPORE_ESTALE)
		say(state->instance, "refused", state->index);
}

static void work(void *unused)
{
	(void)unused;
	usleep(10000);
}

static void on_post(void *arg)
{
	struct state *state = arg;

	atomic_fetch_add(&state->instance->n_runs, 1);
	if (atomic_load(&state->instance->n_stopped) > 0)
		say(state->instance, "a post behind a stop", state->index);
	if (state->rounds == 0)
		return;
	state->rounds -= state->rounds > 0;
	if (state->instance->host->offload(state->worker, work, on_job_done, state) == SPORE_ESTALE)
		say(state->instance, "refused", state->index);
}

static void worker_drain(void *arg)
{
	struct state *state = arg;
	struct instance *instance = state->instance;
	struct state *next = instance->states[(state->index + 1) % instance->n_workers];

	atomic_fetch_add(&instance->n_drained, 1);
	if (instance->host->post(next->worker, on_post, next) != SPORE_OK)
		say(instance, "no post after the drain", state->index);
}

static void worker_stop(void *arg)
{
	struct state *state = arg;
	struct instance *instance = state->instance;

	if (atomic_load(&instance->n_drained) != instance->n_workers)
		say(instance, "a stop before a drain", state->index);
	if (atomic_fetch_add(&instance->n_stopped, 1) == 0)
		say(instance, "first stop", atomic_load(&instance->n_runs));
	free(state);
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	(void)state;
	(void)rq;
	(void)ticket;
	return SPORE_ALLOW;
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "drain",
	.summary = "works after its drain",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_drain = worker_drain,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_drain", "1.0.0", "The Spore authors", "MIT", "", &component);
