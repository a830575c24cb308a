/* check_wrong - a check plugin with mistakes. The reply says which one. */
#include <spore/check.h>
#include <string.h>

static size_t request(void *state, const spore_check_target *target, char *out, size_t size)
{
	(void)state, (void)target, (void)out;
	return size + 1;
}

static int32_t judge(void *state, const spore_check_target *target, const spore_check_reply *reply,
                     spore_check_result *out)
{
	(void)state, (void)target;
	if (reply->bytes.len == 4)
		return 1; /* `return true` */
	if (reply->bytes.len == 5)
		strcpy(out->why, "caf\xE9");
	return SPORE_CHECK_DOWN;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	static char instance;

	(void)args;
	*instance_out = &instance;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	(void)instance;
}

static const spore_check_ops ops = {
	.struct_size = sizeof ops,
	.request = request,
	.judge = judge,
};
static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_CHECK,
	.name = "wrong",
	.summary = "has mistakes",
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("check_wrong", "1.0.0", "The Spore authors", "MIT", "", &component);
