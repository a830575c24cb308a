/* place - moves the values of flags, variables and flat keys to their places in the structured
 * configuration, which the option tables then check. [main] */
#ifndef CORE_PLACE_H
#define CORE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

struct command;
struct diag;
struct json;
struct json_doc;

struct placer {
	struct json_doc *doc; /* its root is the structured configuration */
	unsigned role;        /* ROLE_SERVER or ROLE_LOCAL */
	const struct command *command;
	struct diag *diag;
	bool secret_in_arguments; /* out: a flag gave a secret, which has been wiped */
	size_t secrets_in_list;   /* out: number of secrets that were given with commas; or 0 */
	struct json *replaced;    /* the flat key that a list from a flag or variable replaces */
	const char *replaced_key; /* the name of that key */
	const struct json *from;  /* the flat key that is being placed, or NULL. Nodes that are made
	                           * for it get its position in the file */
};

/* Moves the flat keys, which are shorthands at the top level of the file, such as "min_port". Call
 * it before place_values. */
void place_flat(struct placer *p);
/* Places what flags and variables give. A flag overrides a variable, SPORE_X overrides BORE_X, and
 * each overrides the file. Wipes secrets from the arguments. */
void place_values(struct placer *p);
/* Adds the sections that are missing and have a default. */
void place_defaults(struct placer *p);

#endif
