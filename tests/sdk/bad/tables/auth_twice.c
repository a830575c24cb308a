/* Two rows with the same name. */
#include "../bad.h"

struct conf {
	int64_t from, to;
};

static const spore_option options[] = {
	{ .name = "from", .type = SPORE_OPT_INT, .doc = "where to begin" },
	{ .name = "from", .type = SPORE_OPT_INT, .offset = 8, .doc = "where to end" },
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "twice",
	.ops = &bad_ops,
	.options = options,
	.n_options = 2,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = bad_create,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("auth_twice", "1.0.0", "", "MIT", "", &component);
