/* columns - a table of texts, printed with aligned columns, for subcommands that list things. Not
 * thread-safe. */
#ifndef CORE_COLUMNS_H
#define CORE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* { .n = N } is an empty table. */
struct columns {
	size_t n;     /* cells in a row */
	char **cells; /* owned, row by row */
	size_t count; /* of cells */
	bool out_of_memory;
};

/* Adds a row: copies of its n cells, made by text_visible. NULL stands for "". Each character takes
 * one place. */
void columns_add(struct columns *columns, const char *const *cells);
/* Prints one line per row, indented by `indent` spaces, without trailing spaces. False: out of
 * memory, now or in columns_add. */
bool columns_print(const struct columns *columns, unsigned indent, FILE *out);
void columns_fini(struct columns *columns);

#endif
