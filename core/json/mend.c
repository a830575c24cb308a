#include "json/mend.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "json/scan.h"

enum { GROWTH = 8 }; /* most bytes that one change adds */

struct mender {
	struct mended *out;
	const char *source; /* the original */
	mend_report *report;
	void *arg;
};

/* ---- looking ---- */

static int look(const struct mender *m, size_t at)
{
	return at < m->out->len ? (unsigned char)m->out->text[at] : -1;
}

static bool is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What numbers, names and words are made of. */
static bool is_word(int c)
{
	return c > 0 && (isalnum(c) || strchr("_$.+-", c));
}

static bool is_end_or_bracket(int c)
{
	return c < 0 || c == '}' || c == ']';
}

/* The last byte before `at` that is no space; SIZE_MAX: none. */
static size_t before(const struct mender *m, size_t at)
{
	while (at > 0 && is_space(look(m, at - 1)))
		at--;
	return at - 1;
}

/* Typographic quotes are U+2018 to U+201F: four single ones, then four double ones. */
static size_t quote_length(const struct mender *m, size_t at)
{
	if (look(m, at) == '\'')
		return 1;
	if (look(m, at) == 0xE2 && look(m, at + 1) == 0x80 && (look(m, at + 2) & ~7) == 0x98)
		return 3;
	return 0;
}

/* ---- saying and changing ---- */

/* One complaint a place: what follows from it is not worth a second. */
__attribute__((format(printf, 3, 4))) static void say(struct mender *m, size_t at,
                                                      const char *format, ...)
{
	struct mended *out = m->out;
	size_t offset = out->origin[at];
	char text[256];
	va_list ap;

	if (out->n_mistakes > 0 && out->mistakes[out->n_mistakes - 1] == offset)
		return;
	out->mistakes[out->n_mistakes++] = offset;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	m->report(m->arg, offset, text);
}

static const char *found(const struct mender *m, size_t at, char out[16])
{
	const char *text = m->out->text + at;
	size_t n;

	if (at >= m->out->len)
		return "the end of the file";
	if (*text == '\n')
		return "the end of the line";
	n = utf8_sequence(text, m->out->len - at);
	if (n == 1 && *text == '\\' && isprint(look(m, at + 1)))
		n = 2;
	if (n == 0 || iscntrl((unsigned char)*text))
		snprintf(out, 16, "'\\x%02x'", (unsigned char)*text);
	else
		snprintf(out, 16, "'%.*s'", (int)n, text);
	return out;
}

static void say_expected(struct mender *m, size_t at, const char *expected)
{
	char shown[16];

	say(m, at, "expected %s, found %s", expected, found(m, at, shown));
}

/* `n` bytes go, `text` comes. What comes stands where the first of them stood. */
static bool change(struct mender *m, size_t at, size_t n, const char *text)
{
	struct mended *out = m->out;
	size_t added = strlen(text), rest = out->len - at - n;
	uint32_t origin = out->origin[at];

	memmove(out->text + at + added, out->text + at + n, rest);
	memmove(out->origin + at + added, out->origin + at + n, (rest + 1) * sizeof *out->origin);
	memcpy(out->text + at, text, added);
	for (size_t i = 0; i < added; i++)
		out->origin[at + i] = origin;
	out->len += added - n;
	return true;
}

/* ---- what people write ---- */

static bool mend_comment(struct mender *m, size_t at)
{
	size_t left = m->out->len - at, n = left;
	const char *text = m->out->text + at, *end;
	bool block = left >= 2 && memcmp(text, "/*", 2) == 0;

	if (!block && !(left >= 2 && memcmp(text, "//", 2) == 0) && look(m, at) != '#')
		return false;
	end = block ? memmem(text + 2, left - 2, "*/", 2) : memchr(text, '\n', left);
	if (end)
		n = (size_t)(end - text) + (block ? 2 : 0);
	say(m, at, "expected no comment (JSON has none), found one");
	return change(m, at, n, " ");
}

static bool mend_byte_order_mark(struct mender *m, size_t at)
{
	if (at != 0 || m->out->len < 3 || memcmp(m->out->text, "\xEF\xBB\xBF", 3) != 0)
		return false;
	say(m, 0, "expected UTF-8 without a byte order mark, found one");
	return change(m, 0, 3, "");
}

/* 'text', or as a word processor has it. */
static bool mend_quotes(struct mender *m, size_t at)
{
	char *text = m->out->text;
	size_t n = quote_length(m, at), end = at + n, closing = 0;

	if (n == 0)
		return false;
	for (; look(m, end) != '\n' && look(m, end) >= 0; end++) {
		bool alike = quote_length(m, end) == n &&
		             (n == 1 || !((text[end + 2] ^ text[at + 2]) & 4));

		closing = alike ? n : n == 3 && text[end] == '"';
		if (closing)
			break;
		end += text[end] == '\\';
	}
	if (!closing)
		return false;
	say(m, at, "expected double quotes (\"), found %s ones", n == 1 ? "single" : "typographic");
	for (size_t i = at + n; i < end; i++) {
		if (text[i] == '"' || (text[i] == '\\' && text[i + 1] == '\''))
			text[i] = '\'';
	}
	return change(m, end, closing, "\"") && change(m, at, n, "\"");
}

/* "not so" is one mistake; what may be a text or a comment of its own is not part of it. */
static bool is_end_of_words(const struct mender *m, size_t at)
{
	int c = look(m, at), next = look(m, at + 1);

	return is_end_or_bracket(c) || c == ',' || c == '\n' ||
	       (is_space(c) && next > 0 && strchr("\"/#", next));
}

/* A value in no form that JSON knows. Not shown: it may be a secret. */
static bool mend_word(struct mender *m, size_t at)
{
	static const char *const yes[] = { "True",  "TRUE",  "yes", "on",
		                           "False", "FALSE", "no",  "off" };
	const char *text = m->out->text + at;
	size_t n = 0, i = 0;

	while (!is_end_of_words(m, at + n))
		n++;
	while (is_space(text[n - 1]))
		n--;
	while (i < 8 && (strlen(yes[i]) != n || memcmp(yes[i], text, n) != 0))
		i++;
	if (i < 8)
		say(m, at, "expected %s, found %s", i < 4 ? "true" : "false", yes[i]);
	else if (n > 2 && text[0] == '0' && (text[1] | 32) == 'x')
		say(m, at, "expected a decimal number, found a hexadecimal one");
	else if (n > 1 && strspn(text, "0123456789") >= n && text[0] == '0')
		say(m, at, "expected a number without leading zeros, found one with them");
	else
		say(m, at,
		    "expected a number, true, false, null or a string in double quotes, found a "
		    "bare "
		    "word");
	return change(m, at, n, "null");
}

/* A bracket that is missing. Another in its place leaves open which one is wrong. */
static bool mend_bracket(struct mender *m, const struct scan_error *e)
{
	bool object = look(m, e->container) == '{';
	unsigned line = 1;
	char shown[16];

	for (size_t i = 0; i < m->out->origin[e->container]; i++)
		line += m->source[i] == '\n';
	say(m, e->offset, "expected '%c' for the '%c' of line %u, found %s", object ? '}' : ']',
	    object ? '{' : '[', line, found(m, e->offset, shown));
	return e->offset == m->out->len && change(m, e->offset, 0, object ? "}" : "]");
}

/* Where the next member or element was expected, the container or the file ends. */
static bool mend_last(struct mender *m, const struct scan_error *e)
{
	bool object = look(m, e->container) == '{';
	size_t last = before(m, e->offset);

	if (look(m, last) != ',')
		return mend_bracket(m, e);
	if (e->offset < m->out->len)
		say(m, last, "expected no comma behind the last %s, found one",
		    object ? "member" : "element");
	return change(m, last, 1, "");
}

/* ---- by the place in the grammar ---- */

/* Too little to tell what was meant. */
static bool give_up_at_start(struct mender *m, size_t at)
{
	if (at == m->out->len)
		say(m, at, "expected '{', found an empty file");
	else
		say_expected(m, at, "'{'");
	return false;
}

static bool mend_value(struct mender *m, const struct scan_error *e)
{
	size_t at = e->offset;
	bool member = look(m, before(m, at)) == ':';
	int c = look(m, at);

	if (mend_byte_order_mark(m, at))
		return true;
	if (e->container == SCAN_NO_CONTAINER)
		return give_up_at_start(m, at);
	if (mend_quotes(m, at))
		return true;
	if (is_end_or_bracket(c) && !member)
		return mend_last(m, e);
	if (is_end_or_bracket(c) || c == ',') {
		say_expected(m, at, e->expected);
		return member ? change(m, at, 0, "null") : change(m, at, 1, "");
	}
	if (c == ':' || utf8_sequence(m->out->text + at, m->out->len - at) == 0 || iscntrl(c))
		return false;
	return mend_word(m, at);
}

static bool mend_key(struct mender *m, const struct scan_error *e)
{
	size_t at = e->offset, n = 0;
	int c = look(m, at);

	if (is_end_or_bracket(c))
		return mend_last(m, e);
	if (mend_quotes(m, at))
		return true;
	if (c == ',') {
		say_expected(m, at, e->expected);
		return change(m, at, 1, "");
	}
	while (is_word(look(m, at + n)))
		n++;
	if (n == 0)
		return false;
	say(m, at, "expected %s, found %.*s", e->expected, n < 64 ? (int)n : 64, m->out->text + at);
	return change(m, at + n, 0, "\"") && change(m, at, 0, "\"");
}

static bool mend_colon(struct mender *m, const struct scan_error *e)
{
	size_t at = e->offset;
	int c = look(m, at);

	if (is_end_or_bracket(c) || c == ',') {
		say_expected(m, at, "':' and a value after the key");
		return change(m, at, 0, ":null");
	}
	if (c != '=' && !is_space(look(m, at - 1)))
		return false;
	say_expected(m, at, e->expected);
	return change(m, at, c != '=' ? 0 : look(m, at + 1) == '>' ? 2 : 1, ":");
}

/* A number or word that goes on with what no number or word has. */
static bool mend_rest_of_word(struct mender *m, size_t at)
{
	while (at > 0 && is_word(look(m, at - 1)))
		at--;
	return mend_word(m, at);
}

/* "10 kb": is the word at `at` part of the value that ends at `last`? */
static bool goes_on(const struct mender *m, size_t last, size_t at)
{
	if (!is_word(look(m, last)) || !is_word(look(m, at)) || isdigit(look(m, at)) ||
	    memchr(m->out->text + last, '\n', at - last))
		return false;
	while (is_word(look(m, at)))
		at++;
	while (is_space(look(m, at)))
		at++;
	return look(m, at) != ':' && look(m, at) != '='; /* or it is the next key */
}

static bool mend_comma(struct mender *m, const struct scan_error *e)
{
	size_t at = e->offset, last = before(m, at);
	int c = look(m, at);
	bool object = look(m, e->container) == '{';
	bool opens = c == '"' || c == '{' || c == '[' || quote_length(m, at) > 0;

	if (is_end_or_bracket(c))
		return mend_bracket(m, e);
	if (c == ';') {
		say_expected(m, at, e->expected);
		return change(m, at, 1, ",");
	}
	if (!opens && is_word(look(m, last)) && (last == at - 1 || goes_on(m, last, at)))
		return mend_rest_of_word(m, last);
	if (!opens && (last == at - 1 || !(object ? isalpha(c) || c == '_' : is_word(c))))
		return false;
	say(m, last + 1, "expected ',' before the next %s, found none", object ? "key" : "value");
	return change(m, last + 1, 0, ",");
}

static bool mend_end(struct mender *m, const struct scan_error *e)
{
	if (look(m, e->offset) == ':') {
		say(m, 0, "expected '{' before the first key, found none");
		return false;
	}
	say_expected(m, e->offset, e->expected);
	m->out->len = e->offset;
	return true;
}

/* Becomes null up to the end of the line, but for what closes containers or goes on with the next
 * member; unless the next line looks like more of it. */
static bool mend_unclosed(struct mender *m, const struct scan_error *e)
{
	size_t at = e->offset, end = at, next;
	bool element = e->container != SCAN_NO_CONTAINER && look(m, e->container) == '[';
	char shown[16];

	while (look(m, end) >= 0 && look(m, end) != '\n')
		end++;
	say(m, at, "expected %s, found %s", e->expected, found(m, end, shown));
	for (next = end; is_space(look(m, next));)
		next++;
	if ((look(m, before(m, at)) != ':' && !element) ||
	    (!is_end_or_bracket(look(m, next)) && look(m, next) != '"'))
		return false;
	while (is_space(look(m, end - 1)) || strchr(",]}", look(m, end - 1)))
		end--;
	return change(m, at, end - at, "null");
}

static bool mend_string(struct mender *m, const struct scan_error *e)
{
	int c = look(m, e->offset);
	bool escape = strncmp(e->expected, "one of ", 7) == 0;
	char shown[16];

	say(m, e->offset, "expected %s, found %s%s", e->expected, found(m, e->offset, shown),
	    escape ? " (a backslash itself is \\\\)" : "");
	if (c != '\\' && c >= 0x20 && c < 0x80)
		return false;
	return change(m, e->offset, 1, c == '\\' ? "/" : "?");
}

static bool mend(struct mender *m, const struct scan_error *e)
{
	switch (e->place) {
	case SCAN_AT_VALUE:
		return mend_comment(m, e->offset) || mend_value(m, e);
	case SCAN_AT_KEY:
		return mend_comment(m, e->offset) || mend_key(m, e);
	case SCAN_AT_COLON:
		return mend_comment(m, e->offset) || mend_colon(m, e);
	case SCAN_AT_COMMA:
		return mend_comment(m, e->offset) || mend_comma(m, e);
	case SCAN_AT_END:
		return mend_comment(m, e->offset) || mend_end(m, e);
	case SCAN_IN_NUMBER:
		return e->container != SCAN_NO_CONTAINER && mend_rest_of_word(m, e->offset);
	case SCAN_IN_STRING:
		return e->offset < m->out->len && mend_string(m, e);
	case SCAN_UNCLOSED:
		return mend_unclosed(m, e);
	case SCAN_TOO_MUCH:
		break;
	}
	return false;
}

/* As some editors and shells save what they call Unicode. */
static bool is_utf16(const struct mender *m)
{
	int first = look(m, 0), second = look(m, 1);

	return (first == 0xFF && second == 0xFE) || (first == 0xFE && second == 0xFF) ||
	       (first == 0 && look(m, 2) == 0) || (second == 0 && look(m, 3) == 0);
}

static bool copy(struct mended *out, const char *text, size_t len)
{
	size_t room = len + (size_t)MEND_MAX * GROWTH + 1;

	*out = (struct mended){ .len = len };
	if (room > UINT32_MAX)
		return false;
	out->text = calloc(room, 1); /* so that it always ends with a NUL */
	out->origin = calloc(room, sizeof *out->origin);
	if (!out->text || !out->origin)
		return false;
	memcpy(out->text, text, len);
	for (size_t i = 0; i <= len; i++)
		out->origin[i] = (uint32_t)i;
	return true;
}

bool mend_text(const char *text, size_t len, mend_report *report, void *arg, struct mended *out)
{
	struct mender m = { out, text, report, arg };
	struct scan_error error = { 0 };

	if (!copy(out, text, len)) {
		report(arg, 0, "out of memory");
		return false;
	}
	if (is_utf16(&m)) {
		say(&m, 0, "expected UTF-8, found UTF-16: save the file as UTF-8");
		return false;
	}
	for (unsigned round = 0; scan_json(out->text, out->len, NULL, 0, &error) < 0; round++) {
		size_t n = out->n_mistakes;

		if (round == MEND_MAX) {
			say(&m, error.offset, "gave up behind %d mistakes like these", MEND_MAX);
			return false;
		}
		if (mend(&m, &error))
			continue;
		if (out->n_mistakes == n)
			say_expected(&m, error.offset, error.expected);
		return false;
	}
	return true;
}

void mended_free(struct mended *mended)
{
	free(mended->text);
	free(mended->origin);
	*mended = (struct mended){ 0 };
}
