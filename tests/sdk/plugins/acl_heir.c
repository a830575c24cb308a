/* acl_heir - logs which instance it replaces. */
#include <spore/acl.h>

#include "probe.h"

struct conf {
	int64_t number;
};

static const spore_option options[] = {
	SPORE_INT(struct conf, number, SPORE_OPTF_REQUIRED, NULL, 1, 1000,
	          "what its heir shall log"),
};

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *previous = args->previous;

	probe_log(args->host, args->ctx, "created", "heir_of", previous ? previous->number : 0);
	return probe_keep_conf(args, instance_out);
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
