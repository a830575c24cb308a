/* effective - the resulting value of each option of a configuration, and its source.
 *
 *   /server/control_port  7000        flag --control-port
 *   /auth/0/secret        "(secret)"  server.json:12
 *
 * Values are JSON in one line of printable ASCII, with secrets replaced and texts of the file
 * escaped. Not thread-safe. */
#ifndef CORE_EFFECTIVE_H
#define CORE_EFFECTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "option/option.h"

struct effective_value {
	char *pointer, *value;
	char *source; /* "flag --port", "variable SPORE_PORT", "server.json:12", "default"; or
	               * "derived": computed from other options */
	enum option_change change;
	bool is_derived;
	bool is_default; /* no source gave a value: `value` is the default, if there is one */
	bool is_unset;   /* there is no value: no default either, or an empty section */
	bool is_use;     /* the "use" of an instance, which is its first value */
	uint8_t digest[CRYPTO_SHA256_SIZE]; /* of the value with its secrets, for comparing */
};

/* Zero-initialized is empty. */
struct effective {
	struct effective_value *items; /* owned; in the order of the tables and of the file */
	size_t n, room;
	bool failed; /* out of memory: values are missing */
	/* The position whose line number was computed last: the next one is usually below it. */
	const struct json_source *counted;
	size_t counted_to;
	unsigned line;
};

/* A table and the struct that was filled by it without a mistake. */
struct effective_part {
	const struct option_table *table;
	const struct json *object;   /* what `conf` was filled from; NULL: from defaults */
	const struct json *fallback; /* where absent members came from, or NULL */
	const void *conf;
	const char *pointer;       /* of the object; "": the root */
	enum option_change change; /* of rows that do not state their own */
	/* Adds the content of a NODE, which the table does not know. NULL: it is added as it is. */
	void (*on_node)(struct effective *effective, const char *pointer, const struct json *node,
	                enum option_change change, void *arg);
	void *arg;
};

void effective_add(struct effective *effective, const struct effective_part *part);
/* Adds a value that is not in a table: a string, or NULL for null. `node`: its source; NULL: the
 * default. */
void effective_add_text(struct effective *effective, const char *pointer, const char *key,
                        const char *text, const struct json *node, enum option_change change);
/* A list at `pointer` that has no elements. NULL: it is not set. */
void effective_add_empty(struct effective *effective, const char *pointer, const struct json *node,
                         enum option_change change);
/* The same for the key "use" of the instance at `pointer`. Call it before its other values. */
void effective_add_use(struct effective *effective, const char *pointer, const char *use,
                       const struct json *node, enum option_change change);
/* Removes all values except those of this kind. */
void effective_keep(struct effective *effective, enum option_change change);
/* Replaces each value that `other` has, too, with the other one. */
void effective_put(struct effective *effective, const struct effective *other);
/* Wipes and frees all values. */
void effective_fini(struct effective *effective);

#endif
