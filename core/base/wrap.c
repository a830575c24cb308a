#include "base/wrap.h"

#include <stdlib.h>
#include <string.h>

/* How long the word at `at` is. */
static size_t word_length(const char *at)
{
	const char *end = *at == '[' ? strchr(at, ']') : NULL;

	return end ? (size_t)(end - at) + 1 : strcspn(at, " ");
}

static size_t line_width(void)
{
	const char *columns = getenv("COLUMNS");
	long n = columns ? strtol(columns, NULL, 10) : WRAP_WIDTH;

	return n < WRAP_LEAST || n > WRAP_WIDTH ? WRAP_WIDTH : (size_t)n;
}

void wrap_print(const char *text, size_t column, size_t indent, FILE *out)
{
	const char *first = text + strspn(text, " ");
	size_t most = line_width(), len;

	for (const char *at = first; *at; at += len + strspn(at + len, " ")) {
		len = word_length(at);
		if (at > first && column + 1 + len > most) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (at > first) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)len, at);
		column += len;
	}
	fputc('\n', out);
}
