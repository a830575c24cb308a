/* A transport that declares no operations of its streams, and not that it has no streams. */
#include <spore/transport.h>

#include "../bad.h"

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	(void)state;
	*upper_out = args->lower;
	return SPORE_OK;
}

static const spore_transport_ops ops = { .struct_size = sizeof ops, .wrap = wrap };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "no_stream_ops",
	.ops = &ops,
	.create = bad_create,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("transport_no_stream_ops", "1.0.0", "", "MIT", "", &component);
