/* No destroy(). */
#include "../bad.h"

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "no_destroy",
	.ops = &bad_ops,
	.create = bad_create,
};
SPORE_PLUGIN("auth_no_destroy", "1.0.0", "", "MIT", "", &component);
