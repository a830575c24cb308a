/* made_client - makes the configuration of a client from a kind, a name and a secret. It has the
 * form of a command line, so that messages name the flags that gave the values. [main] */
#ifndef CORE_MADE_CLIENT_H
#define CORE_MADE_CLIENT_H

#include <stddef.h>

#include "config/command.h"

struct made_client {
	const struct shorthand_client *kind;
	const char *name;          /* NULL: none */
	const char *secret_file;   /* from the working directory */
	const char *secret_origin; /* what gave it, for messages: "--secret-file" */
	const char *server;        /* the name under which it dials the server */
};

enum { MADE_ROWS = 3, MADE_TARGET = 64 };

/* The command line. It points into itself: do not copy it. */
struct made_command {
	struct command command;
	const struct made_client *client; /* borrowed, with its texts */
	struct shorthand rows[MADE_ROWS]; /* for places without a flag */
	char targets[MADE_ROWS][MADE_TARGET];
	size_t n_rows;
};

/* The kind of this name, or NULL. */
const struct shorthand_client *made_client_kind(const char *name);
/* Writes the names of all kinds, for an error or a help text: "one, two or three". Returns out. */
const char *made_client_kinds(char *out, size_t size);
/* Fills *made and returns its command line. */
const struct command *made_client_command(const struct made_client *client,
                                          struct made_command *made);

#endif
