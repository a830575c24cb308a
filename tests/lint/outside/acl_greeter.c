/* acl_greeter - lets everybody pass, and greets in the log, so that a test can see that it runs. */
#include <spore/acl.h>

static int nothing;

static spore_status create(const spore_create_args *args, void **instance_out)
{
	spore_logf(args->host, args->ctx, SPORE_LOG_INFO, "greetings from outside");
	*instance_out = &nothing;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	(void)instance;
}

static int32_t check(void *state, const spore_acl_query *query, spore_acl_result *out)
{
	(void)state;
	(void)query;
	(void)out;
	return SPORE_ALLOW;
}

static const spore_acl_ops ops = {
	.struct_size = sizeof ops,
	.check = check,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_ACL,
	.name = "greeter",
	.summary = "lets everybody pass and says so",
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("acl_greeter", "1.0.0", "A test", "MIT", "", &component);
