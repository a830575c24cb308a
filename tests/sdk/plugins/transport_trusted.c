/* transport_trusted - plaintext that claims to be secure, so that tests of what needs a secure
 * transport are as fast as those without one. */
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
	.flags = SPORE_TRANSPORTF_NO_STREAM | SPORE_TRANSPORTF_SECURE,
	.wrap = wrap,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "trusted",
	.summary = "plaintext that claims to be secure",
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("transport_trusted", "1.0.0", "The Spore authors", "MIT", "", &component);
