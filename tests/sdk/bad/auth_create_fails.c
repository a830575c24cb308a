/* create() of one component and worker_start() of the other fail without a message. */
#include "bad.h"

static spore_status fail(const spore_create_args *args, void **instance_out)
{
	(void)args;
	(void)instance_out;
	return SPORE_EBACKEND;
}

struct late {
	const spore_host *host;
};

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct late *late = malloc(sizeof *late);

	if (!late)
		return SPORE_ENOMEM;
	late->host = args->host;
	*instance_out = late;
	return SPORE_OK;
}

static void ignore(void *arg)
{
	(void)arg;
}

/* It fails after it has started a timer, a post and a job. */
static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	const struct late *late = instance;
	spore_timer timer;

	(void)ticket;
	(void)state_out;
	late->host->timer_start(worker, 60000, 0, ignore, NULL, &timer);
	late->host->post(worker, ignore, NULL);
	late->host->offload(worker, ignore, ignore, NULL);
	return SPORE_EBACKEND;
}

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "create_fails",
	.ops = &bad_ops,
	.create = fail,
	.destroy = bad_destroy,
};

static const spore_component late = {
	.struct_size = sizeof late,
	.kind = SPORE_KIND_AUTH,
	.name = "start_fails",
	.ops = &bad_ops,
	.create = create,
	.destroy = free,
	.worker_start = worker_start,
};

SPORE_PLUGIN("auth_create_fails", "1.0.0", "", "MIT", "", &component, &late);
