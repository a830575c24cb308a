/* Asks for a single worker, which only an exporter may. Its verify() needs its state. */
#include "../bad.h"

static spore_status create(const spore_create_args *args, void **instance_out)
{
	(void)args;
	*instance_out = malloc(1);
	return *instance_out ? SPORE_OK : SPORE_ENOMEM;
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	(void)rq;
	(void)ticket;
	*(volatile char *)state = 1;
	return SPORE_ALLOW;
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "single",
	.ops = &ops,
	.flags = SPORE_COMPF_SINGLE_WORKER,
	.create = create,
	.destroy = free,
};

SPORE_PLUGIN("auth_single", "1.0.0", "", "MIT", "", &component);
