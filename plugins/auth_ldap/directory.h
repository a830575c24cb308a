/* directory - asks the directory about clients, on threads of the instance: at the URL that worked
 * last, and then at the others. */
#ifndef AUTH_LDAP_DIRECTORY_H
#define AUTH_LDAP_DIRECTORY_H

#include <stdatomic.h>

#include "looks.h"
#include "outcomes.h"

struct directory {
	struct settings settings;
	struct outcomes outcomes;
	struct lines lines;
	atomic_size_t current; /* the URL that worked last */
};

/* Reports mistakes. False: there is one, and there is nothing to free. [main] */
bool directory_init(struct directory *directory, const spore_create_args *args);
/* [main] */
void directory_fini(struct directory *directory);
/* [blocking] */
void directory_ask(struct directory *directory, struct inquiry *inquiry);
/* The service account looks at n <= LOOKS_MAX clients at once. False: the directory fails or is not
 * asked, so no look has an answer. [blocking] */
bool directory_look(struct directory *directory, struct look *looks, size_t n);

#endif
