/* looks - what the service account asks the directory about clients that have tunnels: several at
 * once, on one line. If one look fails, the others go on. */
#ifndef AUTH_LDAP_LOOKS_H
#define AUTH_LDAP_LOOKS_H

#include "inquiry.h"

enum { LOOKS_MAX = 32, LOOKS_NAME_SIZE = SPORE_IDENTITY_MAX + 1 };

/* A look at one client that has a tunnel. */
struct look {
	uint64_t session;
	char name[LOOKS_NAME_SIZE];
	struct facts known; /* from the look before; without a DN, only the identity is known */
	bool is_uneven;     /* not all tunnels of the client have these rights */
	uint64_t begun;     /* the latest ALLOW of the client, for tunnels_update() */
	/* the answer, as in struct inquiry, but its faults have not been logged */
	enum directory_says says;
	struct facts facts;
	struct fault fault;
};

/* Looks at n <= LOOKS_MAX clients. False: no look has an answer, and the fault says why.
 * [blocking] */
bool looks_run(const struct settings *settings, struct line *line, struct look *looks, size_t n,
               int64_t deadline_ms, struct fault *fault);

#endif
