/* The items of its list are larger than the declared size. */
#include "../bad.h"

struct conf {
	spore_list names;
};

static const spore_option_item item = { .type = SPORE_OPT_STRING, .size = 4 };
static const spore_option options[] = {
	{ .name = "names", .type = SPORE_OPT_LIST, .item = &item, .doc = "who may come" },
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "thin_items",
	.ops = &bad_ops,
	.options = options,
	.n_options = 1,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = bad_create,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("auth_thin_items", "1.0.0", "", "MIT", "", &component);
