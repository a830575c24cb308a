/* entry - keys of a section that stand for an entry in a list of plugins. The program makes the
 * entry from these keys and puts it first. If the configuration lacks a value, a standard
 * environment variable may give it.
 *
 *   { "client": { "KEY": "x" } }  ─▶  { "LIST": [{ "use": "USE", "OPTION": "x" }, ...] } */
#ifndef CORE_EXPAND_ENTRY_H
#define CORE_EXPAND_ENTRY_H

struct diag;
struct json_doc;

struct entry_key {
	const char *key, *option;
	/* Read if the key is not set; NULL: none. The first one that exists counts. If it is empty,
	 * the key stays unset, and the second one is not read. */
	const char *variables[2];
};

/* The first key is a URL; an entry needs it. It may have a user, but no password. The second key
 * has the password. If the URL of a variable has a password, it goes there. */
struct entry_keys {
	const char *section, *list, *use;
	struct entry_key keys[3];
};

/* Makes the entry. If the list has such an entry already, reads no variables, and reports the keys
 * as a mistake. Makes no entry from an empty URL. Mistakes go to the diag. [main] */
void entry_expand(struct json_doc *doc, const struct entry_keys *keys, struct diag *diag);

#endif
