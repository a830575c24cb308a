/* enlist - builds the roster from the configuration and the secrets file, and reports every mistake
 * with its place. [main] */
#ifndef ENLIST_H
#define ENLIST_H

#include <spore/plugin.h>

#include "roster.h"

struct conf {
	spore_map secrets;        /* of spore_str */
	const char *secrets_file; /* or NULL */
	spore_map policy;         /* of struct policy, by name; "*": all names */
	int64_t binding;          /* enum binding_mode */
};

/* True: no mistakes. A policy for a name without a secret, and a secrets file without a secret, are
 * only warned of, because a client can be revoked by removing its line alone. The caller must call
 * roster_fini in any case. */
bool enlist(const spore_create_args *args, struct roster *roster);

#endif
