/* Has only a client's side. */
#include "bad.h"

static spore_status answer(void *state, const spore_answer_request *rq, spore_ticket ticket)
{
	(void)state;
	(void)rq;
	(void)ticket;
	return SPORE_EUNSUPPORTED;
}

static const spore_auth_ops client_ops = { .struct_size = sizeof client_ops, .answer = answer };

BAD_COMPONENT("client_only", &client_ops);
SPORE_PLUGIN("auth_client_only", "1.0.0", "", "MIT", "", &component);
