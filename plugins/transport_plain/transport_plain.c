/* transport_plain - plaintext, as in bore.
 *
 * It returns the lower stream unchanged. So the descriptor stays raw, and the host moves the bytes
 * itself. */
#include <spore/transport.h>

/* Instances have no state, but create() must return a pointer that is not NULL. */
static int nothing;

static spore_status create(const spore_create_args *args, void **instance_out)
{
	(void)args;
	*instance_out = &nothing;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	(void)instance;
}

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	(void)state;
	*upper_out = args->lower;
	return SPORE_OK;
}

static const spore_transport_ops ops = {
	.struct_size = sizeof ops,
	.flags = SPORE_TRANSPORTF_NO_STREAM,
	.wrap = wrap,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "plain",
	.summary = "plaintext, no encryption",
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("transport_plain", "1.0.0", "The Spore authors", "MIT", "", &component);
