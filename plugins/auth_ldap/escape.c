#include "escape.h"

static const char digits[] = "0123456789ABCDEF";

/* A text that grows in a buffer. */
struct text {
	char *at, *end; /* end: the last byte, for the NUL */
	bool is_too_long;
};

static void put(struct text *out, char c)
{
	if (out->at < out->end)
		*out->at++ = c;
	else
		out->is_too_long = true;
}

static void put_hex(struct text *out, char c)
{
	put(out, '\\');
	put(out, digits[(uint8_t)c >> 4]);
	put(out, digits[(uint8_t)c & 15]);
}

/* RFC 4514, 2.4. Control characters are escaped, too, so that the DN is readable in a log. */
static void put_in_dn(struct text *out, const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++) {
		bool is_outer_blank = value[i] == ' ' && (i == 0 || i + 1 == len);

		if ((uint8_t)value[i] < ' ' || value[i] == 0x7F) {
			put_hex(out, value[i]);
			continue;
		}
		if (is_outer_blank || strchr("\"+,;<>\\=", value[i]) || (value[i] == '#' && i == 0))
			put(out, '\\');
		put(out, value[i]);
	}
}

/* RFC 4515, 3. */
static void put_in_filter(struct text *out, const char *value)
{
	for (; *value; value++) {
		if (strchr("*()\\", *value))
			put_hex(out, *value);
		else
			put(out, *value);
	}
}

static bool expand(const char *pattern, const char *name, const char *dn,
                   void (*put_value)(struct text *out, const char *value), char *room, size_t size)
{
	struct text out = { room, room + size - 1, false };

	for (; *pattern; pattern++) {
		if (*pattern != '%') {
			put(&out, *pattern);
			continue;
		}
		pattern++;
		if (*pattern == 'n')
			put_value(&out, name);
		else if (*pattern == 'd' && dn)
			put_value(&out, dn);
		else
			put(&out, '%');
	}
	*out.at = '\0';
	return !out.is_too_long;
}

const char *escape_check(const char *pattern, const char *letters)
{
	if (strlen(pattern) > ESCAPE_PATTERN_MAX)
		return "expected at most 1024 bytes";
	for (const char *at = strchr(pattern, '%'); at; at = strchr(at + 2, '%')) {
		if (at[1] != '%' && (!at[1] || !strchr(letters, at[1])))
			return letters[1] ? "expected only n, d or % after a %"
			                  : "expected only n or % after a %";
	}
	return NULL;
}

bool escape_dn(const char *pattern, const char *name, char out[ESCAPE_DN_SIZE])
{
	return expand(pattern, name, NULL, put_in_dn, out, ESCAPE_DN_SIZE);
}

bool escape_filter(const char *pattern, const char *name, const char *dn,
                   char out[ESCAPE_FILTER_SIZE])
{
	return expand(pattern, name, dn, put_in_filter, out, ESCAPE_FILTER_SIZE);
}
