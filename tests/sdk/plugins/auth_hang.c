/* auth_hang - hangs in the function that its option names or, before there are options, where the
 * variable HANG_IN says, for ever or until a file exists; otherwise allows everybody. */
#include <unistd.h>

#include "probe.h"

enum where { CREATE, START, CHALLENGE, VERIFY, ANSWER, DRAIN, STOP, DESTROY, EXIT, NOWHERE };

struct conf {
	int64_t in;
	const char *until;
};

static const spore_option options[] = {
	SPORE_ENUM(
		struct conf, in, 0, "\"nowhere\"",
		"create|worker_start|needs_challenge|verify|answer|drain|stop|destroy|exit|nowhere",
		"the function"),
	SPORE_STRING(struct conf, until, 0, NULL, "the file"),
};

struct instance {
	PROBE_FIELDS;
};

static int hang_at_exit;

__attribute__((destructor)) static void at_exit(void)
{
	while (hang_at_exit)
		pause();
}

static void hang_in(const struct instance *instance, enum where where)
{
	if (instance->conf->in != (int64_t)where)
		return;
	spore_logf(instance->host, instance->ctx, SPORE_LOG_INFO, "hanging");
	while (!instance->conf->until || access(instance->conf->until, F_OK) != 0)
		usleep(10000);
	spore_logf(instance->host, instance->ctx, SPORE_LOG_INFO, "going on");
}

__attribute__((constructor)) static void construct(void)
{
	const char *in = getenv("HANG_IN");

	while (in && strcmp(in, "constructor") == 0)
		pause();
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct instance *instance = PROBE_NEW(struct instance, args);

	if (!instance)
		return SPORE_ENOMEM;
	hang_at_exit = instance->conf->in == EXIT;
	hang_in(instance, CREATE);
	*instance_out = instance;
	return SPORE_OK;
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	(void)worker;
	(void)ticket;
	hang_in(instance, START);
	*state_out = instance;
	return SPORE_OK;
}

static uint32_t needs_challenge(void *instance)
{
	hang_in(instance, CHALLENGE);
	return SPORE_CHALLENGE_PLAIN;
}

static int32_t verify(void *instance, const spore_auth_request *rq, spore_ticket ticket)
{
	(void)rq;
	(void)ticket;
	hang_in(instance, VERIFY);
	return SPORE_ALLOW;
}

static spore_status answer(void *arg, const spore_answer_request *rq, spore_ticket ticket)
{
	const struct instance *instance = arg;

	(void)rq;
	hang_in(instance, ANSWER);
	instance->host->complete_answer(ticket, SPORE_OK, spore_cstr("hello"));
	return SPORE_EPENDING;
}

static void worker_drain(void *instance)
{
	hang_in(instance, DRAIN);
}

static void worker_stop(void *instance)
{
	hang_in(instance, STOP);
}

static void destroy(void *instance)
{
	hang_in(instance, DESTROY);
	free(instance);
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.answer = answer,
	.needs_challenge = needs_challenge,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "hang",
	.summary = "hangs where it is told",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_drain = worker_drain,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_hang", "1.0.0", "The Spore authors", "MIT", "", &component);
