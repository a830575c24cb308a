#include "secret/flaws.h"

#include <stdio.h>

#include "base/utf8.h"

static bool is_newline(char c)
{
	return c == '\n' || c == '\r';
}

static bool is_white(char c)
{
	return c == ' ' || c == '\t' || is_newline(c);
}

bool flaws_is_all_white(const char *text, size_t len)
{
	size_t i = utf8_mark(text, len);

	while (i < len && is_white(text[i]))
		i++;
	return i == len;
}

/* Ignores white space at both ends, which flaws_list reports separately. */
static bool has_control_bytes(const char *text, size_t len)
{
	while (len && is_white(text[len - 1]))
		len--;
	for (; len && is_white(*text); len--)
		text++;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
			return true;
	}
	return false;
}

void flaws_list(const char *text, size_t len, char *out, size_t size)
{
	size_t mark = utf8_mark(text, len), n = 0;
	const struct {
		bool found;
		const char *name;
	} flaws[] = {
		{ utf8_is_utf16(text, len), "UTF-16" },
		{ mark > 0, "a byte order mark at its start" },
		{ is_white(text[mark]), "white space at its start" },
		{ is_newline(text[len - 1]), "a newline at its end" },
		{ is_white(text[len - 1]) && !is_newline(text[len - 1]), "white space at its end" },
		{ has_control_bytes(text, len), "control bytes" },
	};

	*out = '\0';
	for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
		if (flaws[i].found)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "",
			                      flaws[i].name);
	}
}
