/* An option has a name that no key of a configuration should have. */
#include "bad.h"

struct conf {
	int64_t from;
};

static const spore_option options[] = {
	{ .name = "a/b c", .type = SPORE_OPT_INT, .doc = "where to begin" },
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "option_name",
	.ops = &bad_ops,
	.options = options,
	.n_options = 1,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = bad_create,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("auth_option_name", "1.0.0", "", "MIT", "", &component);
