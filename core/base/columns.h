/* columns - rows of text, printed with their columns aligned. Main use: what a subcommand lists.
 * Not thread-safe. */
#ifndef CORE_COLUMNS_H
#define CORE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Zero-initialized but for n is empty. */
struct columns {
	size_t n;     /* cells in a row */
	char **cells; /* owned, row by row */
	size_t count;
	bool out_of_memory;
};

/* Takes a copy of n cells (NULL: ""), made safe to print: what is no printable ASCII becomes \xNN.
 */
void columns_add(struct columns *columns, const char *const *cells);
/* One line a row, behind `indent` spaces, without spaces at its end. False: memory was out, then or
 * before. */
bool columns_print(const struct columns *columns, unsigned indent, FILE *out);
void columns_fini(struct columns *columns);

#endif
