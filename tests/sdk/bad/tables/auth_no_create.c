/* No create(). */
#include "../bad.h"

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "no_create",
	.ops = &bad_ops,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("auth_no_create", "1.0.0", "", "MIT", "", &component);
