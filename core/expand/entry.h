/* entry - keys of a section that stand for an entry of a list of plugins: the program makes the
 * entry of them and puts it first. Standard variables of the environment may give what the
 * configuration leaves open.
 *
 *   { "client": { "KEY": "x" } }  ─▶  { "LIST": [{ "use": "USE", "OPTION": "x" }, ...] } */
#ifndef CORE_EXPAND_ENTRY_H
#define CORE_EXPAND_ENTRY_H

struct diag;
struct json_doc;

struct entry_key {
	const char *key, *option;
	/* Read in this order if the key is not set; NULL: none. An empty one is not set. */
	const char *variables[2];
};

/* The first key is a URL; an entry needs it. It may have a user, but no password. The second key
 * has the password; one in the URL of a variable goes there. */
struct entry_keys {
	const char *section, *list, *use;
	struct entry_key keys[3];
};

/* If the list has such an entry already, variables are not read, and keys are a mistake. With
 * an empty URL, no entry is made. Mistakes go to the diag. [main] */
void entry_expand(struct json_doc *doc, const struct entry_keys *keys, struct diag *diag);

#endif
