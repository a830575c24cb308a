/* effective - what a configuration comes to: the value of each option, and who said it.
 *
 *   /server/control_port  7000        flag --control-port
 *   /auth/0/secret        "(secret)"  server.json:12
 *
 * Values are JSON, in one line of printable ASCII; a secret is never among them. Texts of the file
 * are escaped. Not thread-safe. */
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
	               * "derived": nobody said it, it follows from others */
	enum option_change change;
	bool is_derived, is_use;            /* is_use: the first value of an instance, its plugin */
	uint8_t digest[CRYPTO_SHA256_SIZE]; /* of the value with its secrets, to compare it by */
};

/* Zero-initialized is empty. */
struct effective {
	struct effective_value *items; /* owned; in the order of the tables and of the file */
	size_t n, room;
	bool failed; /* out of memory: some are missing */
	/* Where a line was last counted, since most stand below the one before. */
	const struct json_source *counted;
	size_t counted_to;
	unsigned line;
};

/* One table and what was filled from it without a mistake. */
struct effective_part {
	const struct option_table *table;
	const struct json *object; /* what it was filled from; NULL: from nothing */
	const void *conf;
	const char *pointer;       /* of the object; "" is the root */
	enum option_change change; /* of what the table itself says nothing about */
	/* Adds what only its owner can read; NULL: it is not shown. */
	void (*on_node)(struct effective *effective, const char *pointer, const struct json *node,
	                enum option_change change, void *arg);
	void *arg;
};

void effective_add(struct effective *effective, const struct effective_part *part);
/* A value that no table knows: a text, or NULL for null. `node`: what said it; NULL: nobody. */
void effective_add_text(struct effective *effective, const char *pointer, const char *key,
                        const char *text, const struct json *node, enum option_change change);
/* The same for the key "use" of the instance at `pointer`; its other values come behind it. */
void effective_add_use(struct effective *effective, const char *pointer, const char *use,
                       const struct json *node, enum option_change change);
/* Leaves out all values but those of this kind. */
void effective_keep(struct effective *effective, enum option_change change);
/* What stands in both, as `other` has it. */
void effective_put(struct effective *effective, const struct effective *other);
/* Wipes and frees. */
void effective_fini(struct effective *effective);

#endif
