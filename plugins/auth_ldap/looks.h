/* looks - what is asked of the directory about clients that have tunnels, by the service account:
 * several at once, on one line. A fault of one look leaves the others. */
#ifndef AUTH_LDAP_LOOKS_H
#define AUTH_LDAP_LOOKS_H

#include "inquiry.h"

enum { LOOKS_MAX = 32, LOOKS_NAME_SIZE = SPORE_IDENTITY_MAX + 1 };

/* A look at one client that has a tunnel. */
struct look {
	uint64_t session;
	char name[LOOKS_NAME_SIZE];
	struct facts known; /* what was said last; without a DN: no more than the identity */
	bool is_uneven;     /* not all tunnels of the client have these rights */
	uint64_t begun;     /* the latest ALLOW of the client, for tunnels_update() */
	/* the answer: as in struct inquiry, but no fault of it has been logged */
	enum directory_says says;
	struct facts facts;
	struct fault fault;
};

/* Looks at n <= LOOKS_MAX clients. False: none has an answer, and the fault says why. [blocking] */
bool looks_run(const struct settings *settings, struct line *line, struct look *looks, size_t n,
               int64_t deadline_ms, struct fault *fault);

#endif
