/* place - from shorthands to the structured form: puts flags, variables and flat keys where they
 * mean, in the tree that the option tables are then held against. [main] */
#ifndef CORE_PLACE_H
#define CORE_PLACE_H

struct command;
struct config;
struct diag;
struct json;

struct placer {
	struct config *config;
	const struct command *command;
	struct json *root;
	struct diag *diag;
	const struct json
		*from; /* the flat key being placed, whose place what is made for it has; or NULL */
};

/* Moves the file's flat keys, which stand in the root. Before place_values: it goes over them. */
void place_flat(struct placer *p);
/* Flags over variables, ours over bore's, all over the file. Secrets are wiped from the arguments.
 */
void place_values(struct placer *p);
/* Sections that are still missing and have a default. */
void place_defaults(struct placer *p);

#endif
