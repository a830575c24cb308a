#include "text.h"

#include <stdio.h>
#include <stdlib.h>

/* False: out of memory. */
static bool make_room(struct text *text, size_t len)
{
	size_t room = text->room ? text->room : 4096;
	char *bytes;

	if (text->room - text->len >= len)
		return true;
	while (room - text->len < len)
		room *= 2;
	bytes = realloc(text->bytes, room);
	if (!bytes)
		return false;
	text->bytes = bytes;
	text->room = room;
	return true;
}

void text_add(struct text *text, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	if (!make_room(text, len)) {
		text->has_failed = true;
		return;
	}
	memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
}

void text_add_number(struct text *text, int64_t number)
{
	char digits[24];

	text_add(text, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)number));
}

void text_clear(struct text *text)
{
	text->len = 0;
	text->has_failed = false;
}

void text_fini(struct text *text)
{
	free(text->bytes);
	*text = (struct text){ .bytes = NULL };
}
