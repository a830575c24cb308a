/* acl_heir - logs which instance it replaces, and what that one and those before it have handed on:
 * the first number of all, and the sum of the numbers. */
#include <spore/acl.h>

#include "probe.h"

struct conf {
	int64_t number;
	uint32_t fail;
};

static const spore_option options[] = {
	SPORE_INT(struct conf, number, SPORE_OPTF_REQUIRED, NULL, 1, 1000,
	          "what its heir shall log"),
	SPORE_BOOL(struct conf, fail, 0, NULL, "fail at the end of create()"),
};

static void put(const spore_create_args *args, const char *key, int64_t number)
{
	spore_str bytes = { (const char *)&number, sizeof number };

	if (args->host->state_put(args->ctx, key, bytes) != SPORE_OK)
		abort();
}

static int64_t get(const spore_create_args *args, const char *key)
{
	int64_t number = 0;
	spore_str bytes;

	if (args->host->state_get(args->ctx, key, &bytes) && bytes.len == sizeof number)
		memcpy(&number, bytes.ptr, sizeof number);
	return number;
}

static void use_state(const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	int64_t first = get(args, "first"), sum = get(args, "sum");

	probe_log(args->host, args->ctx, "inherited", "first", first);
	probe_log(args->host, args->ctx, "inherited", "sum", sum);
	if (!first)
		put(args, "first", conf->number);
	put(args, "sum", sum + conf->number);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *previous = args->previous, *conf = args->conf;

	probe_log(args->host, args->ctx, "created", "heir_of", previous ? previous->number : 0);
	use_state(args);
	return conf->fail ? SPORE_EBACKEND : probe_keep_conf(args, instance_out);
}

static int32_t check(void *conf, const spore_acl_query *query, spore_acl_result *out)
{
	(void)conf;
	(void)query;
	(void)out;
	return SPORE_NEXT;
}

static const spore_acl_ops ops = {
	.struct_size = sizeof ops,
	.check = check,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_ACL,
	.name = "heir",
	.summary = "logs whose heir it is",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = probe_drop_conf,
};

SPORE_PLUGIN("acl_heir", "1.0.0", "The Spore authors", "MIT", "", &component);
