#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t utf8_sequence(const char *text, size_t left)
{
	const uint8_t *p = (const uint8_t *)text;
	uint8_t lo = 0x80, hi = 0xBF; /* bounds of the second byte */
	size_t n;

	if (p[0] != 0 && p[0] < 0x80)
		return 1;
	if (p[0] >= 0xC2 && p[0] <= 0xDF)
		n = 2;
	else if (p[0] >= 0xE0 && p[0] <= 0xEF)
		n = 3;
	else if (p[0] >= 0xF0 && p[0] <= 0xF4)
		n = 4;
	else
		return 0;
	if (p[0] == 0xE0)
		lo = 0xA0; /* overlong */
	else if (p[0] == 0xED)
		hi = 0x9F; /* surrogates */
	else if (p[0] == 0xF0)
		lo = 0x90; /* overlong */
	else if (p[0] == 0xF4)
		hi = 0x8F; /* past U+10FFFF */
	if (left < n || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if (p[i] < 0x80 || p[i] > 0xBF)
			return 0;
	}
	return n;
}

bool utf8_is_visible(const char *text, size_t left)
{
	size_t n = utf8_sequence(text, left);
	const uint8_t *p = (const uint8_t *)text;

	if (n == 0)
		return false;
	if (n == 1)
		return p[0] >= 0x20 && p[0] != 0x7F;
	if (p[0] == 0xC2 && p[1] < 0xA0)
		return false; /* the control characters U+0080 to U+009F */
	return utf8_mark(text, n) == 0;
}

static bool is_deceptive(const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text;
	unsigned code = 0;

	if (n == 2)
		code = (p[0] & 0x1FU) << 6 | (p[1] & 0x3FU);
	else if (n == 3)
		code = (p[0] & 0xFU) << 12 | (p[1] & 0x3FU) << 6 | (p[2] & 0x3FU);
	return code == 0x061C || (code >= 0x200B && code <= 0x200F) ||
	       (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) ||
	       code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB);
}

bool utf8_is_clear(const char *text, size_t left)
{
	return utf8_is_visible(text, left) && !is_deceptive(text, utf8_sequence(text, left));
}

size_t utf8_mark(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

bool utf8_is_utf16(const char *text, size_t len)
{
	if (len < 2)
		return false;
	if (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0)
		return true;
	/* Without a mark: most likely, the first character is ASCII, so one of its bytes is NUL. */
	return (text[0] == '\0') != (text[1] == '\0');
}

bool utf8_is_valid(const char *text, size_t len, size_t *bad_out)
{
	size_t i = 0;

	while (i < len) {
		size_t n = utf8_sequence(text + i, len - i);

		if (n == 0) {
			*bad_out = i;
			return false;
		}
		i += n;
	}
	return true;
}
