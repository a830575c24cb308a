#include "json/scan.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

struct scanner {
	const char *text;
	size_t len, at;
	struct scan_token *tokens;
	size_t max, n;
	size_t container; /* offset of the innermost open bracket */
	struct scan_error error;
};

static bool scan_value(struct scanner *s, unsigned depth);

static bool fail_scan(struct scanner *s, enum scan_place place, size_t offset, const char *expected)
{
	s->error = (struct scan_error){ offset, expected, place, s->container };
	return false;
}

static size_t open_token(struct scanner *s, enum scan_type type, size_t start)
{
	if (s->n < s->max)
		s->tokens[s->n] = (struct scan_token){ type, (uint32_t)start, (uint32_t)start, 0 };
	return s->n++;
}

static void close_token(struct scanner *s, size_t token, size_t end, uint32_t count)
{
	if (token < s->max) {
		s->tokens[token].end = (uint32_t)end;
		s->tokens[token].count = count;
	}
}

static int look(const struct scanner *s)
{
	return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static void skip_space(struct scanner *s)
{
	int c = look(s);

	while (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
		s->at++;
		c = look(s);
	}
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool scan_hex4(struct scanner *s, unsigned *value_out)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++, s->at++) {
		int c = look(s);

		if (is_digit(c))
			value = value * 16 + (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			value = value * 16 + (unsigned)((c | 32) - 'a') + 10;
		else
			return fail_scan(s, SCAN_IN_STRING, s->at,
			                 "four hexadecimal digits after \\u");
	}
	*value_out = value;
	return true;
}

/* Scans the digits of \uXXXX, and the second half of a surrogate pair. */
static bool scan_unicode(struct scanner *s, bool is_key, uint32_t *n_nul)
{
	size_t start = s->at - 2;
	unsigned value, low;

	if (!scan_hex4(s, &value))
		return false;
	*n_nul += value == 0;
	if (value == 0 && is_key)
		return fail_scan(s, SCAN_IN_STRING, start, "a key without NUL (\\u0000)");
	if (value >= 0xDC00 && value <= 0xDFFF)
		return fail_scan(s, SCAN_IN_STRING, start, "a high surrogate before a low one");
	if (value < 0xD800 || value > 0xDBFF)
		return true;
	if (s->len - s->at < 6 || s->text[s->at] != '\\' || s->text[s->at + 1] != 'u')
		return fail_scan(s, SCAN_IN_STRING, start, "a low surrogate after a high one");
	s->at += 2;
	if (!scan_hex4(s, &low))
		return false;
	if (low < 0xDC00 || low > 0xDFFF)
		return fail_scan(s, SCAN_IN_STRING, start, "a low surrogate after a high one");
	return true;
}

static bool is_line_end(const struct scanner *s)
{
	size_t at = s->at + (look(s) == '\r');

	return at < s->len && s->text[at] == '\n';
}

static bool scan_string(struct scanner *s, bool is_key)
{
	size_t token = open_token(s, SCAN_STRING, s->at + 1), start = ++s->at, bad;
	uint32_t n_nul = 0;

	for (;;) {
		int c = look(s);

		if (c < 0 || is_line_end(s))
			return fail_scan(s, SCAN_UNCLOSED, start - 1,
			                 "a closing '\"' for this string");
		if (c == '"')
			break;
		if (c < 0x20)
			return fail_scan(s, SCAN_IN_STRING, s->at,
			                 "no control byte in a string (use an escape)");
		s->at++;
		if (c != '\\')
			continue;
		c = look(s);
		if (c <= 0 || !strchr("\"\\/bfnrtu", c))
			return fail_scan(s, SCAN_IN_STRING, s->at - 1,
			                 "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
		s->at++;
		if (c == 'u' && !scan_unicode(s, is_key, &n_nul))
			return false;
	}
	if (!utf8_is_valid(s->text + start, s->at - start, &bad))
		return fail_scan(s, SCAN_IN_STRING, start + bad, "well-formed UTF-8");
	close_token(s, token, s->at++, n_nul);
	return true;
}

static bool scan_digits(struct scanner *s)
{
	if (!is_digit(look(s)))
		return fail_scan(s, SCAN_IN_NUMBER, s->at, "a digit");
	while (is_digit(look(s)))
		s->at++;
	return true;
}

static bool scan_number(struct scanner *s)
{
	size_t token = open_token(s, SCAN_NUMBER, s->at);

	if (look(s) == '-')
		s->at++;
	if (look(s) == '0') {
		s->at++;
		if (is_digit(look(s)))
			return fail_scan(s, SCAN_IN_NUMBER, s->at - 1,
			                 "a number without a leading zero");
	} else if (!scan_digits(s)) {
		return false;
	}
	if (look(s) == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (look(s) == 'e' || look(s) == 'E') {
		s->at++;
		if (look(s) == '+' || look(s) == '-')
			s->at++;
		if (!scan_digits(s))
			return false;
	}
	close_token(s, token, s->at, 0);
	return true;
}

static bool scan_literal(struct scanner *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(words[i]);

		if (s->len - s->at >= n && memcmp(s->text + s->at, words[i], n) == 0) {
			size_t token = open_token(s, SCAN_LITERAL, s->at);

			s->at += n;
			close_token(s, token, s->at, 0);
			return true;
		}
	}
	return fail_scan(s, SCAN_AT_VALUE, s->at, "a value");
}

static bool scan_member(struct scanner *s, unsigned depth)
{
	if (look(s) != '"')
		return fail_scan(s, SCAN_AT_KEY, s->at, "a key in double quotes");
	if (!scan_string(s, true))
		return false;
	skip_space(s);
	if (look(s) != ':')
		return fail_scan(s, SCAN_AT_COLON, s->at, "':' after the key");
	s->at++;
	skip_space(s);
	return scan_value(s, depth);
}

/* Scans the members or elements of a container that is not empty, up to its closing bracket. */
static bool scan_items(struct scanner *s, bool object, unsigned depth, uint32_t *count_out)
{
	uint32_t count = 0;

	for (;;) {
		if (object ? !scan_member(s, depth) : !scan_value(s, depth))
			return false;
		count++;
		skip_space(s);
		if (look(s) == (object ? '}' : ']'))
			break;
		if (look(s) != ',')
			return fail_scan(s, SCAN_AT_COMMA, s->at,
			                 object ? "',' or '}'" : "',' or ']'");
		s->at++;
		skip_space(s);
	}
	*count_out = count;
	return true;
}

/* Scans an object or an array, with its brackets. */
static bool scan_container(struct scanner *s, unsigned depth)
{
	bool object = s->text[s->at] == '{';
	size_t token = open_token(s, object ? SCAN_OBJECT : SCAN_ARRAY, s->at);
	size_t outer = s->container;
	uint32_t count = 0;

	if (depth == SCAN_MAX_DEPTH)
		return fail_scan(s, SCAN_TOO_MUCH, s->at, "at most 32 levels of nesting");
	s->container = s->at++;
	skip_space(s);
	if (look(s) != (object ? '}' : ']') && !scan_items(s, object, depth + 1, &count))
		return false;
	s->at++;
	s->container = outer;
	close_token(s, token, s->at, count);
	return true;
}

static bool scan_value(struct scanner *s, unsigned depth)
{
	int c = look(s);

	if (c == '{' || c == '[')
		return scan_container(s, depth);
	if (c == '"')
		return scan_string(s, false);
	if (c == '-' || is_digit(c))
		return scan_number(s);
	return scan_literal(s);
}

long scan_json(const char *text, size_t len, struct scan_token *tokens, size_t max,
               struct scan_error *error_out)
{
	struct scanner s = { .text = text,
		             .len = len,
		             .tokens = tokens,
		             .max = max,
		             .container = SCAN_NO_CONTAINER };

	skip_space(&s);
	if (len >= UINT32_MAX) {
		fail_scan(&s, SCAN_TOO_MUCH, 0, "a text below 4 GiB");
	} else if (scan_value(&s, 0)) {
		skip_space(&s);
		if (s.at == len)
			return (long)s.n;
		fail_scan(&s, SCAN_AT_END, s.at, "nothing more after the value");
	}
	*error_out = s.error;
	return -1;
}
