/* Uses a function that is not defined anywhere. */
#include "bad.h"

int spore_function_that_nobody_has(void);

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	(void)state;
	(void)rq;
	(void)ticket;
	return spore_function_that_nobody_has();
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify };

BAD_CONSTRUCTOR
BAD_COMPONENT("unresolved", &ops);
SPORE_PLUGIN("auth_unresolved", "1.0.0", "", "MIT", "", &component);
