/* diag - mistakes in the configuration: all of them, each with its place.
 *
 *   spore.json:3:17: error: /server/control_port: expected a port from 1 to 65535, found "x"
 *       "control_port": "x"
 *                       ^
 * [main] */
#ifndef CORE_DIAG_H
#define CORE_DIAG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/json.h"

struct diag_entry;

/* Zero-initialized is empty. */
struct diag {
	struct diag_entry *first, *last;
	unsigned count;
	unsigned count_elsewhere; /* of them: not about a flag's own value */
};

/* `node` says where (NULL: nowhere in particular). The text says what was expected and what was
 * found. */
__attribute__((format(printf, 3, 4))) void diag_add(struct diag *diag, const struct json *node,
                                                    const char *format, ...);
/* At what a JSON pointer relative to `node` leads to, whether it is there or not. */
void diag_add_below(struct diag *diag, const struct json *node, const char *pointer, const char *text);
/* As diag_add, but points at the key of a member. */
__attribute__((format(printf, 3, 4))) void diag_add_key(struct diag *diag, const struct json *node,
                                                        const char *format, ...);
/* As diag_add, for a value that must not be shown: without the line it stands in. */
__attribute__((format(printf, 3, 4))) void diag_add_secret(struct diag *diag, const struct json *node,
                                                           const char *format, ...);
/* At an offset of a source that could not be read as a tree. */
void diag_add_at(struct diag *diag, const struct json_source *source, size_t offset, const char *text);
void diag_print(const struct diag *diag, FILE *out);
void diag_fini(struct diag *diag);

/* The name among n that `found` probably meant, or NULL. */
const char *diag_suggest(const char *found, const char *const *names, size_t n);

#endif
