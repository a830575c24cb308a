/* enlist - builds the roster from the configuration and the file of secrets; every mistake is
 * reported with its place. [main] */
#ifndef ENLIST_H
#define ENLIST_H

#include <spore/plugin.h>

#include "roster.h"

struct conf {
	spore_map secrets;        /* of spore_str */
	const char *secrets_file; /* or NULL */
	spore_map policy;         /* of struct policy; "*": of all names */
	int64_t binding;          /* enum binding_mode */
};

/* True if there was no mistake. The roster is the caller's to release either way. */
bool enlist(const spore_create_args *args, struct roster *roster);

#endif
