/* An option of a name that is the host's. */
#include "bad.h"

struct conf { int64_t use; };

static const spore_option options[] = {
	SPORE_INT(struct conf, use, 0, "1", 1, 9, "how often"),
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "hosts_own",
	.ops = &bad_ops,
	.options = options,
	.n_options = 1,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = bad_create,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("auth_hosts_own", "1.0.0", "", "MIT", "", &component);
