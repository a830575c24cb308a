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

#include "json/json.h"

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
void diag_add_below(struct diag *diag, const struct json *node, const char *pointer,
                    const char *text);
/* As diag_add, but points at the key of a member. */
__attribute__((format(printf, 3, 4))) void diag_add_key(struct diag *diag, const struct json *node,
                                                        const char *format, ...);
/* At an offset of a source, where there is no value. */
void diag_add_at(struct diag *diag, const struct json_source *source, size_t offset,
                 const char *text);
/* Has something been said about this value, or what is in it? */
bool diag_has(const struct diag *diag, const struct json *node);
/* In the order of the file; first what is in none. */
void diag_print(const struct diag *diag, FILE *out);
void diag_fini(struct diag *diag);

#endif
