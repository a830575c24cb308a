/* grant - the host's copy of what an auth plugin granted: identity, session and policy. Immutable.
 * [any] */
#ifndef CORE_GRANT_H
#define CORE_GRANT_H

#include <spore/auth.h>
#include <stdbool.h>

struct grant {
	uint32_t fields; /* SPORE_AUTH_F_*: the fields of the policy that are set */
	uint64_t session;
	uint32_t max_tunnels, max_conns;
	int64_t life_ms;
	char *identity, *reason; /* owned, NUL-ended, never NULL */
	spore_port_range *ports; /* owned */
	size_t n_ports;
};

/* What is wrong with an identity; NULL: nothing. The text is permanent. */
const char *identity_fault(spore_str identity);
/* What is wrong with a result; NULL: nothing. The text is permanent. */
const char *grant_fault(const spore_auth_result *result);
/* Copies `result`, which must be free of faults, or NULL (an empty grant). NULL: out of memory. */
struct grant *grant_new(const spore_auth_result *result);
struct grant *grant_copy(const struct grant *grant);
void grant_free(struct grant *grant);
/* The policy allows this public port. */
bool grant_has_port(const struct grant *grant, uint16_t port);

#endif
