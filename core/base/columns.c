#include "base/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { GAP = 2 };

static char *copy_visible(const char *text)
{
	size_t len = text ? strlen(text) : 0, size = 4 * len + 1;
	char *copy = malloc(size);

	if (copy)
		text_visible(text, len, copy, size);
	return copy;
}

/* The characters of a visible text. */
static size_t count_characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xC0) != 0x80;
	return n;
}

void columns_add(struct columns *columns, const char *const *cells)
{
	char **more = realloc(columns->cells, (columns->count + columns->n) * sizeof *more);

	if (!more) {
		columns->out_of_memory = true;
		return;
	}
	columns->cells = more;
	for (size_t i = 0; i < columns->n; i++) {
		char *copy = copy_visible(cells[i]);

		columns->out_of_memory = columns->out_of_memory || !copy;
		columns->cells[columns->count++] = copy;
	}
}

static size_t width_of(const struct columns *columns, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < columns->count; i += columns->n) {
		size_t n = count_characters(columns->cells[i]);

		width = n > width ? n : width;
	}
	return width;
}

/* Prints neither the empty cells at the end of the row nor an empty column. */
static void print_row(const struct columns *columns, char *const *row, const size_t *widths,
                      unsigned indent, FILE *out)
{
	size_t n = columns->n, gap = indent;

	while (n > 0 && !*row[n - 1])
		n--;
	for (size_t i = 0; i < n; i++) {
		if (widths[i] == 0)
			continue;
		fprintf(out, "%*s%s", (int)gap, "", row[i]);
		gap = widths[i] - count_characters(row[i]) + GAP;
	}
	fputc('\n', out);
}

bool columns_print(const struct columns *columns, unsigned indent, FILE *out)
{
	size_t *widths = calloc(columns->n + 1, sizeof *widths);

	if (columns->out_of_memory || !widths) {
		free(widths);
		return false;
	}
	for (size_t i = 0; i < columns->n; i++)
		widths[i] = width_of(columns, i);
	for (size_t i = 0; i < columns->count; i += columns->n)
		print_row(columns, columns->cells + i, widths, indent, out);
	free(widths);
	return true;
}

void columns_fini(struct columns *columns)
{
	for (size_t i = 0; i < columns->count; i++)
		free(columns->cells[i]);
	free(columns->cells);
	*columns = (struct columns){ .n = columns->n };
}
