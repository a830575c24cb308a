/* shorthands - flags, variables and flat keys, each with its target in the structured
 * configuration. Only data. This is the only part of the core that names plugins. */
#ifndef CORE_SHORTHANDS_H
#define CORE_SHORTHANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "expand/entry.h"

enum { ROLE_SERVER = 1, ROLE_LOCAL = 2 };

enum shorthand_type {
	SHORTHAND_TEXT,
	SHORTHAND_NUMBER,
	SHORTHAND_SECRET,  /* a string that is wiped from the command line */
	SHORTHAND_SECRETS, /* the same, or several with commas: see shorthand_lists */
	SHORTHAND_LIST,    /* strings with commas between them; a flat key may also be an array */
	SHORTHAND_TEXTS,   /* a string, or several with commas; the same for a flat key */
	SHORTHAND_FILE,    /* the path of a file that holds the value: {"file": PATH} */
	SHORTHAND_YES,     /* a flag without a value: sets its target to true */
	SHORTHAND_NO,      /* a flag without a value: sets its target to false */
	SHORTHAND_ENTRY    /* a flag without a value: adds its target, an entry of a section */
};

struct shorthand {
	const char *name; /* flag "--control-port", flat key "control_port", SPORE_CONTROL_PORT */
	char letter;      /* short form of the flag, or 0 */
	unsigned roles;   /* ROLE_* that have it */
	const char *variable; /* the variable's name without SPORE_; NULL: from `name` */
	bool bore_variable;   /* also read with the prefix BORE_ */
	enum shorthand_type type;
	const char *target;  /* "/server/control_port", "/tunnels[0]/port", "/auth[hmac]/secret" */
	const char *metavar; /* "PORT", in the help; "": the flag has no value */
	const char *doc;     /* NULL: the text of the target's option */
};

/* A single value goes to `target`; several go to `list_target` as {"KEY1": ..., "KEY2": ...}. */
struct shorthand_list {
	const char *target, *list_target, *key;
};

/* The content of a section that the operator left out. */
struct default_section {
	const char *key, *json;
};

/* A client that `spore auth test` makes from a name and a secret: an instance of `use` with these
 * options. */
struct shorthand_client {
	const char *use;
	const char *name_key; /* of the client's name; NULL: the secret says who it is */
	const char *secret_key;
	bool takes_path;       /* the option is the path of a file, not a secret */
	const char *transport; /* that its configuration must have; NULL: any */
};

/* What the other side uses in place of a plugin that has one side only. */
struct shorthand_counterpart {
	const char *use;
	unsigned role; /* ROLE_* that `use` lacks */
	const char *remedy;
};

enum { SHORTHAND_GROUP_MAX = 12 };

/* Flags that the help shows together, in this order. The last group has all flags that no other
 * one names, including those that have no key. */
struct shorthand_group {
	const char *title, *flags[SHORTHAND_GROUP_MAX + 1]; /* NULL-ended */
};

extern const struct shorthand shorthands[];
extern const size_t n_shorthands;
extern const struct shorthand_list shorthand_lists[];
extern const size_t n_shorthand_lists;
extern const struct default_section default_sections[];
extern const size_t n_default_sections;
extern const struct shorthand_client shorthand_clients[]; /* the first is the default */
extern const size_t n_shorthand_clients;
extern const struct entry_keys shorthand_entry; /* of a client */
extern const struct shorthand_counterpart shorthand_counterparts[];
extern const size_t n_shorthand_counterparts;
extern const struct shorthand_group shorthand_groups[];
extern const size_t n_shorthand_groups;

#endif
