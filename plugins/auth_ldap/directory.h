/* directory - what is asked of the directory about clients, one after another on a thread of the
 * instance, from any of its URLs. */
#ifndef AUTH_LDAP_DIRECTORY_H
#define AUTH_LDAP_DIRECTORY_H

#include <stdatomic.h>

#include "connection/lines.h"
#include "entry.h"
#include "outcomes.h"

enum { DIRECTORY_NAME_SIZE = SPORE_IDENTITY_MAX + 1, DIRECTORY_LOOKS_MAX = 32 };

struct directory {
	struct settings settings;
	struct outcomes outcomes;
	struct lines lines;
	atomic_size_t current; /* the URL that worked last */
};

enum directory_says { DIRECTORY_FAILED, DIRECTORY_YES, DIRECTORY_NO };

/* A question about one client. */
struct inquiry {
	const char *name;
	/* NULL: the client is not there to say it. Then the service account looks for the client.
	 */
	const char *password;
	/* the answer */
	enum directory_says says;
	struct facts facts; /* YES */
	struct fault fault; /* NO: why, in its text. FAILED: the fault, which has been logged */
};

/* A look at one client that has a tunnel. */
struct look {
	uint64_t session;
	char name[DIRECTORY_NAME_SIZE];
	struct facts known; /* what was said last; without a DN: no more than the identity */
	bool is_uneven;     /* not all tunnels of the client have these rights */
	uint64_t begun;     /* the latest ALLOW of the client, for tunnels_update() */
	/* the answer: as in struct inquiry */
	enum directory_says says;
	struct facts facts;
	struct fault fault;
};

/* Reports mistakes. False: there is one, and there is nothing to free. [main] */
bool directory_init(struct directory *directory, const spore_create_args *args);
/* [main] */
void directory_fini(struct directory *directory);
/* [blocking] */
void directory_ask(struct directory *directory, struct inquiry *inquiry);
/* Looks at n <= DIRECTORY_LOOKS_MAX clients at once, by the service account. False: the directory
 * fails, or is not asked, and nothing is known. [blocking] */
bool directory_look(struct directory *directory, struct look *looks, size_t n);

#endif
