/* auth_slow - takes its time in the function that its option names; otherwise allows everybody. */
#include <poll.h>
#include <time.h>

#include "probe.h"

enum where { NOWHERE, CREATE, START, VERIFY, TIMER, DRAIN, STOP, DESTROY };

struct conf {
	int64_t in, lasts;
	const char *answer;
	uint32_t busy;
};

static const spore_option options[] = {
	SPORE_ENUM(struct conf, in, 0, "\"nowhere\"",
	           "nowhere|create|start|verify|timer|drain|stop|destroy", "the function"),
	SPORE_DURATION(struct conf, lasts, 0, "0", 0, 86400000, "how long it takes"),
	SPORE_STRING(struct conf, answer, 0, NULL, "verify: only for this answer"),
	SPORE_BOOL(struct conf, busy, 0, "false", "compute meanwhile, instead of sleeping"),
};

struct instance {
	PROBE_FIELDS;
};

struct worker {
	struct instance *instance;
	spore_timer timer;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void take_time(const struct instance *instance, enum where where)
{
	int64_t end_ms = now_ms() + instance->conf->lasts, left_ms;

	if (instance->conf->in != (int64_t)where)
		return;
	while ((left_ms = end_ms - now_ms()) > 0) {
		if (!instance->conf->busy)
			poll(NULL, 0, (int)left_ms);
	}
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct instance *instance = PROBE_NEW(struct instance, args);

	if (!instance)
		return SPORE_ENOMEM;
	take_time(instance, CREATE);
	*instance_out = instance;
	return SPORE_OK;
}

static void on_timer(void *arg)
{
	struct worker *worker = arg;

	worker->instance->host->timer_stop(worker->timer);
	worker->timer.id = 0;
	take_time(worker->instance, TIMER);
}

static spore_status worker_start(void *arg, spore_worker *handle, spore_ticket ticket,
                                 void **state_out)
{
	struct instance *instance = arg;
	struct worker *worker = calloc(1, sizeof *worker);

	(void)ticket;
	if (!worker)
		return SPORE_ENOMEM;
	worker->instance = instance;
	take_time(instance, START);
	if (instance->conf->in == TIMER && instance->host->worker_index(handle) == 0)
		instance->host->timer_start(handle, 200, 0, on_timer, worker, &worker->timer);
	*state_out = worker;
	return SPORE_OK;
}

static void worker_drain(void *arg)
{
	const struct worker *worker = arg;

	take_time(worker->instance, DRAIN);
}

static void worker_stop(void *arg)
{
	struct worker *worker = arg;

	worker->instance->host->timer_stop(worker->timer);
	take_time(worker->instance, STOP);
	free(worker);
}

static void destroy(void *instance)
{
	take_time(instance, DESTROY);
	free(instance);
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct worker *worker = arg;
	const char *answer = worker->instance->conf->answer;

	(void)ticket;
	if (!answer || probe_same(rq->answer, spore_cstr(answer)))
		take_time(worker->instance, VERIFY);
	return SPORE_ALLOW;
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "slow",
	.summary = "takes its time where it is told",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_drain = worker_drain,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_slow", "1.0.0", "The Spore authors", "MIT", "", &component);
