/* A row of its option table has no documentation. */
#include "../bad.h"

static const spore_option options[] = { { .name = "from", .type = SPORE_OPT_INT } };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "no_doc",
	.ops = &bad_ops,
	.options = options,
	.n_options = 1,
	.option_size = sizeof *options,
	.conf_size = sizeof(int64_t),
	.create = bad_create,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("auth_no_doc", "1.0.0", "", "MIT", "", &component);
