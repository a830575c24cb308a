/* An access list that checks nothing. */
#include <spore/acl.h>

#include "../bad.h"

static const spore_acl_ops empty = { .struct_size = sizeof empty };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_ACL,
	.name = "no_check",
	.ops = &empty,
	.create = bad_create,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("acl_no_check", "1.0.0", "", "MIT", "", &component);
