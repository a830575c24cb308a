/* diag - collects the mistakes in a configuration and prints each with its place.
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
	unsigned count_elsewhere; /* mistakes that are not in the value of a flag */
	unsigned count_lacking;   /* those of plugins about flags that need others */
};

/* Adds a mistake at the value of `node` (NULL: without a place). The text is "expected ..., found
 * ...". */
__attribute__((format(printf, 3, 4))) void diag_add(struct diag *diag, const struct json *node,
                                                    const char *format, ...);
/* Adds a mistake at a JSON pointer relative to `node`. There need not be a value at the pointer. A
 * value that was moved is named by its place in the file. */
void diag_add_below(struct diag *diag, const struct json *node, const char *pointer,
                    const char *text);
/* Like diag_add, but at the key of a member. */
__attribute__((format(printf, 3, 4))) void diag_add_key(struct diag *diag, const struct json *node,
                                                        const char *format, ...);
/* Adds a mistake at an offset of a source. */
void diag_add_at(struct diag *diag, const struct json_source *source, size_t offset,
                 const char *text);
/* Is it a flag of the command line? NULL: no. */
bool diag_is_flag(const struct json_source *source);
/* True if there is a mistake at this value or within it. */
bool diag_has(const struct diag *diag, const struct json *node);

/* A mistake as diag_each passes it on. */
struct diag_mistake {
	const char *source;    /* a file, a flag or a variable; NULL: none of them */
	unsigned line, column; /* in the file; 0: not in a file */
	const char *pointer;   /* JSON pointer; "": none */
	const char *text;
};

/* Passes each mistake on, in the order of diag_print. Its texts may contain any bytes. */
void diag_each(const struct diag *diag, void (*take)(const struct diag_mistake *mistake, void *arg),
               void *arg);
/* Prints first the mistakes without a file, then the others in the order of the file. */
void diag_print(const struct diag *diag, FILE *out);
void diag_fini(struct diag *diag);

#endif
