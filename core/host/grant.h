/* grant - the host's copy of what an auth plugin granted: identity, session and policy. Immutable,
 * but its verifier may be dropped. [any] */
#ifndef CORE_GRANT_H
#define CORE_GRANT_H

#include <spore/auth.h>
#include <stdbool.h>

struct grant {
	uint32_t fields; /* SPORE_AUTH_F_*: the fields of the policy that are set */
	uint64_t session;
	uint32_t max_tunnels, max_conns;
	int64_t life_ms;
	uint64_t rate_up, rate_down; /* bytes per second */
	uint64_t bytes_per_day, bytes_per_month;
	uint32_t visitors_per_second;
	uint32_t share;          /* its tunnels may share a port */
	char *identity, *reason; /* owned, NUL-ended, never NULL */
	spore_port_range *ports; /* owned */
	size_t n_ports;
	char **hosts; /* owned; as hostname_read writes them */
	size_t n_hosts;
	char *verifier; /* owned, secret; NULL: none, or it was taken */
	size_t verifier_len;
	uint64_t verifier_hint;
	int64_t verifier_life_ms; /* 0: as the operator says */
};

/* What is wrong with an identity; NULL: nothing. The text is permanent. */
const char *identity_fault(spore_str identity);
/* What is wrong with a result; NULL: nothing. The text is permanent. */
const char *grant_fault(const spore_auth_result *result);
/* A grant with a copy of `result`, which must be free of faults. result NULL: an empty grant. NULL:
 * out of memory. */
struct grant *grant_new(const spore_auth_result *result);
/* A copy of the grant without its verifier. NULL: out of memory. */
struct grant *grant_copy(const struct grant *grant);
/* Replaces *grant by one with this policy; identity and session stay. False: out of memory, and
 * nothing has changed. */
bool grant_renew(struct grant **grant, const struct grant *policy);
/* Wipes and frees the verifier. */
void grant_drop_verifier(struct grant *grant);
/* Frees the grant, and wipes the verifier. NULL is fine. */
void grant_free(struct grant *grant);
/* The policy allows this public port. */
bool grant_has_port(const struct grant *grant, uint16_t port);
/* The policy allows this host name or pattern, as hostname_read writes it. Without a policy about
 * names, and without a grant (NULL), none is allowed. */
bool grant_has_host(const struct grant *grant, const char *name);

#endif
