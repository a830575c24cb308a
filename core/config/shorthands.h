/* shorthands - flags, variables and flat keys, each with the place in the structured configuration
 * that it means. Data alone; the one part of the core that names a plugin. */
#ifndef CORE_SHORTHANDS_H
#define CORE_SHORTHANDS_H

#include <stdbool.h>
#include <stddef.h>

enum { ROLE_SERVER = 1, ROLE_LOCAL = 2 };

enum shorthand_type {
	SHORTHAND_TEXT,
	SHORTHAND_NUMBER,
	SHORTHAND_SECRET,  /* a text that is wiped from the command line */
	SHORTHAND_SECRETS, /* the same, or several with commas between them: see shorthand_lists */
	SHORTHAND_LIST,    /* texts with commas between them; a flat key may be an array, too */
	SHORTHAND_FILE,    /* the path of a file that holds it: {"file": PATH} */
	SHORTHAND_YES,     /* a flag without a value: sets its target to true ... */
	SHORTHAND_NO,      /* ... or to false */
	SHORTHAND_ENTRY    /* a flag without a value: its target, an entry of a section, is there */
};

struct shorthand {
	const char *name; /* flag "--control-port", flat key "control_port", SPORE_CONTROL_PORT */
	char letter;      /* short form of the flag, or 0 */
	unsigned roles;   /* ROLE_*, of the command line and the file */
	const char *variable; /* its variable's name behind SPORE_, if not from `name` */
	bool bore_variable;   /* BORE_... too */
	enum shorthand_type type;
	const char *
		target; /* "/server/control_port", "/tunnels[0]/port", "/acl/control[cidr]/allow" */
	const char *metavar; /* "PORT" in the help; "" for a flag without a value */
	const char *doc;     /* NULL: that of the target's own option */
};

/* Where several values go whose single one would go to `target`: {"KEY1": ..., "KEY2": ...}. */
struct shorthand_list {
	const char *target, *list_target, *key;
};

/* What stands in a section that the operator left out. */
struct default_section {
	const char *key, *json;
};

extern const struct shorthand shorthands[];
extern const size_t n_shorthands;
extern const struct shorthand_list shorthand_lists[];
extern const size_t n_shorthand_lists;
extern const struct default_section default_sections[];
extern const size_t n_default_sections;

#endif
