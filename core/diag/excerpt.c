#include "diag/excerpt.h"

#include <string.h>

#include "base/utf8.h"
#include "diag/mask.h"

enum { WIDTH = MASK_WINDOW / 4 }; /* in characters, of up to four bytes each */

/* Prints the character at `at` in one column and returns its length. */
static size_t print_character(const char *text, struct span line, size_t at, bool hidden, FILE *out)
{
	size_t n = utf8_sequence(text + at, line.end - at);

	if (hidden)
		fputc('*', out);
	else if (utf8_is_visible(text + at, line.end - at))
		fwrite(text + at, 1, n, out);
	else
		fputc((unsigned char)text[at] < 0x20 ? ' ' : '?', out);
	return n > 0 ? n : 1;
}

/* The line around an offset, without trailing white space. */
static struct span line_at(const struct json_source *source, size_t offset)
{
	struct span line = { offset, offset };

	while (line.start > 0 && source->text[line.start - 1] != '\n')
		line.start--;
	while (line.end < source->len && source->text[line.end] != '\n')
		line.end++;
	while (line.end > line.start && strchr(" \t\r", source->text[line.end - 1]))
		line.end--;
	return line;
}

/* True for a byte after the first one of a character. */
static bool is_inside_character(char byte)
{
	return ((unsigned char)byte & 0xC0) == 0x80;
}

/* Where to start, so that `offset` is visible in a long line. */
static size_t start_of_window(const char *text, struct span line, size_t offset)
{
	size_t at = line.start;

	if (offset - line.start <= WIDTH / 2)
		return at;
	at = offset - WIDTH / 2;
	while (is_inside_character(text[at]))
		at++;
	return at;
}

void excerpt_print(struct mask *mask, const struct json_source *source, size_t offset, FILE *out)
{
	struct span line = line_at(source, offset < source->len ? offset : source->len);
	struct mask_window window = { .hidden = { false } };
	size_t start, column = 0;

	if (line.end == line.start)
		return;
	if (offset > line.end)
		offset = line.end;
	start = start_of_window(source->text, line, offset);
	window.span = (struct span){ start, start + sizeof window.hidden };
	mask_line(mask, source->text, line, &window);
	for (const struct json_secret *s = source->secrets; s; s = s->next)
		mask_hide(&window, (struct span){ s->start, s->end });
	fputs("    ", out);
	for (size_t at = start; at < line.end && at < start + WIDTH;) {
		column += at < offset; /* of the caret */
		at += print_character(source->text, line, at, window.hidden[at - start], out);
	}
	fprintf(out, "\n    %*s^\n", (int)column, "");
}
