/* made_client - the configuration of a client that is made from a kind, a name and a secret. [main]
 * */
#ifndef CORE_MADE_CLIENT_H
#define CORE_MADE_CLIENT_H

#include <stddef.h>

#include "base/err.h"

struct shorthand_client;

struct made_client {
	const struct shorthand_client *kind;
	const char *name;        /* NULL: none */
	const char *secret_file; /* from the working directory */
	const char *server;      /* the name under which it dials the server */
};

/* The kind of this name, or NULL. */
const struct shorthand_client *made_client_kind(const char *name);
/* The names of all kinds, for an error or a help text: "one, two or three". The text is in `out`.
 * */
const char *made_client_kinds(char *out, size_t size);
/* Returns a pipe from which the configuration can be read once; -1 and *err on failure. */
int made_client_open(const struct made_client *client, struct err *err);

#endif
