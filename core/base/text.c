#include "base/text.h"

#include <limits.h>
#include <string.h>

#include "base/utf8.h"

bool text_to_uint(const char *text, size_t len, uint64_t max, uint64_t *value_out)
{
	uint64_t value = 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(text[i] - '0');

		if (digit > 9 || digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*value_out = value;
	return true;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Row i of the table has at j the distance of the first i bytes of `a` from the first j bytes of
 * `b`. Three rows are kept, since a swap looks two rows back. */
unsigned text_distance(const char *a, const char *b)
{
	enum { MAX = 64 };
	size_t la = strnlen(a, MAX), lb = strnlen(b, MAX);
	unsigned rows[3][MAX + 1];

	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *row = rows[i % 3], *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			               a[i - 2] == b[j - 1];
			unsigned replace = a[i - 1] != b[j - 1];

			row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + replace);
			if (is_swap && up2[j - 2] + 1 < row[j])
				row[j] = up2[j - 2] + 1;
		}
	}
	return rows[la % 3][lb];
}

const char *text_suggest(const char *found, const char *const *names, size_t n)
{
	/* With more edits, or edits to more than half of the letters, it is another word. "server"
	 * and "secret" differ in three letters of six. */
	unsigned limit = strlen(found) < 8 ? 2 : 3, least = UINT_MAX;
	const char *best = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned distance = text_distance(found, names[i]);

		if (distance < least && distance <= limit && distance <= strlen(found) / 2) {
			least = distance;
			best = names[i];
		}
	}
	return best;
}

static bool is_printable(uint8_t c)
{
	return c >= 0x20 && c < 0x7F;
}

static bool is_plain(uint8_t c)
{
	return is_printable(c) && c != '\\' && c != '"';
}

static bool is_never_plain(uint8_t c)
{
	(void)c;
	return false;
}

size_t text_escaped_length(const void *bytes, size_t len)
{
	const uint8_t *in = bytes;
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += is_plain(in[i]) ? 1 : 4;
	return n;
}

static size_t escape(const void *bytes, size_t len, bool (*stays)(uint8_t c), char *out,
                     size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = bytes;
	size_t n = 0;

	if (size == 0)
		return 0;
	for (size_t i = 0; i < len; i++) {
		bool plain = stays(in[i]);
		size_t need = plain ? 1 : 4;

		if (n + need >= size)
			break;
		if (plain) {
			out[n++] = (char)in[i];
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = digits[in[i] >> 4];
		out[n++] = digits[in[i] & 15];
	}
	out[n] = '\0';
	return n;
}

size_t text_escape(const void *bytes, size_t len, char *out, size_t size)
{
	return escape(bytes, len, is_plain, out, size);
}

size_t text_printable(const void *bytes, size_t len, char *out, size_t size)
{
	return escape(bytes, len, is_printable, out, size);
}

size_t text_visible(const void *bytes, size_t len, char *out, size_t size)
{
	const char *text = bytes;
	size_t n = 0, used;

	for (size_t i = 0; i < len; i += used) {
		bool stays = utf8_is_clear(text + i, len - i);

		used = stays ? utf8_sequence(text + i, len - i) : 1;
		if (n + (stays ? used : 4) >= size)
			break;
		if (stays)
			memcpy(out + n, text + i, used);
		n += stays ? used : escape(text + i, 1, is_never_plain, out + n, size - n);
	}
	if (size)
		out[n] = '\0';
	return n;
}

/* The code point of a sequence of n bytes (utf8_sequence). */
static uint32_t code_point(const char *text, size_t n)
{
	static const uint8_t masks[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
	uint32_t code = (uint8_t)text[0] & masks[n];

	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((uint8_t)text[i] & 0x3F);
	return code;
}

static size_t put_unit(char *out, uint32_t unit)
{
	static const char hex[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'u';
	for (size_t i = 0; i < 4; i++)
		out[2 + i] = hex[unit >> (12 - 4 * i) & 15];
	return 6;
}

size_t text_json(const char *text, size_t left, char out[TEXT_JSON_MAX], size_t *len_out)
{
	size_t n = utf8_sequence(text, left);
	uint32_t code = n ? code_point(text, n) : (uint8_t)text[0];

	if (code == '"' || code == '\\') {
		out[0] = '\\';
		out[1] = (char)code;
		*len_out = 2;
	} else if (code >= 0x20 && code < 0x7F) {
		out[0] = (char)code;
		*len_out = 1;
	} else if (code < 0x10000) {
		*len_out = put_unit(out, code);
	} else {
		*len_out = put_unit(out, 0xD800 + ((code - 0x10000) >> 10));
		*len_out += put_unit(out + 6, 0xDC00 + (code & 0x3FF));
	}
	return n ? n : 1;
}
