/* auth_wrong - returns the number in the configuration as its verdict, and completes tickets with
 * the wrong kind of completion. One component runs on the worker, the other on the pool. */
#include "probe.h"

enum { BY_RETURN, BY_VERDICT, BY_ANSWER, BY_HANDSHAKE };

struct conf {
	int64_t value, how, then;
};

static const spore_option options[] = {
	SPORE_INT(struct conf, value, SPORE_OPTF_REQUIRED, NULL, 1, 0, "the number"),
	SPORE_ENUM(struct conf, how, 0, "\"return\"", "return|verdict|answer|handshake",
	           "returned, or through which completion"),
	SPORE_INT(struct conf, then, 0, "-2", 1, 0, "returned behind a completion"),
};

struct instance {
	PROBE_FIELDS;
};

static spore_status complete(const struct instance *instance, spore_ticket ticket)
{
	const struct conf *conf = instance->conf;

	if (conf->how == BY_VERDICT)
		return instance->host->complete_verify(ticket, (int32_t)conf->value, NULL);
	if (conf->how == BY_ANSWER)
		return instance->host->complete_answer(ticket, SPORE_OK, spore_cstr("yes"));
	return instance->host->complete_handshake(ticket, SPORE_OK);
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct instance *instance = arg;

	(void)rq;
	if (instance->conf->how == BY_RETURN)
		return (int32_t)instance->conf->value;
	probe_log(instance->host, instance->ctx, "completed", "status", complete(instance, ticket));
	return (int32_t)instance->conf->then;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
};

static const spore_auth_ops blocking_ops = {
	.struct_size = sizeof blocking_ops,
	.flags = SPORE_AUTHF_BLOCKING,
	.verify = verify,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "wrong",
	.summary = "wrong verdicts, on the worker",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
};

static const spore_component blocking = {
	.struct_size = sizeof blocking,
	.kind = SPORE_KIND_AUTH,
	.name = "blocking",
	.summary = "wrong verdicts, on the pool",
	.ops = &blocking_ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
};

SPORE_PLUGIN("auth_wrong", "1.0.0", "The Spore authors", "MIT", "", &component, &blocking);
