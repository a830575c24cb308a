/* A transport that wraps nothing. */
#include <spore/transport.h>

#include "../bad.h"

static const spore_transport_ops empty = { .struct_size = sizeof empty };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "no_wrap",
	.ops = &empty,
	.create = bad_create,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("transport_no_wrap", "1.0.0", "", "MIT", "", &component);
