#include "clean.h"

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

static bool shows_utf8;

void clean_use_locale(void)
{
	setlocale(LC_CTYPE, "");
	shows_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Marks of the direction of writing, and characters without width, could make one text look like
 * another. */
static int width_of(wchar_t c)
{
	bool is_direction = (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	                    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
	int width = is_direction ? -1 : wcwidth(c);

	return width > 0 ? width : -1;
}

/* The bytes of the character at `text`, and its width; -1: it is not shown. */
static size_t take_character(const char *text, int *width_out)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t n;

	*width_out = (unsigned char)*text >= ' ' && (unsigned char)*text < 0x7f ? 1 : -1;
	if ((unsigned char)*text < 0x80 || !shows_utf8)
		return 1;
	n = mbrtowc(&c, text, strlen(text), &state);
	if (n == (size_t)-1 || n == (size_t)-2 || n == 0)
		return 1;
	*width_out = width_of(c);
	return n;
}

int clean(const char *text, int columns, char out[CLEAN_SIZE])
{
	size_t len = 0, n;
	int used = 0;

	for (; *text; text += n) {
		int width;

		n = take_character(text, &width);
		if (columns > 0 && used + (width > 0 ? width : 1) > columns)
			break;
		if (len + n >= CLEAN_SIZE)
			break;
		if (width > 0)
			memcpy(out + len, text, n);
		else
			out[len] = '?';
		len += width > 0 ? n : 1;
		used += width > 0 ? width : 1;
	}
	out[len] = '\0';
	return used;
}
