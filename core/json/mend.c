#include "json/mend.h"

#include <ctype.h>
#include <string.h>

#include "base/utf8.h"
#include "json/misspelling.h"
#include "json/scan.h"

/* Reports a missing bracket. Adds the bracket only at the end of the text. If another bracket is in
 * its place, it is unclear which of the two is wrong. */
static bool mend_bracket(struct mender *m, const struct scan_error *e)
{
	bool object = mender_look(m, e->container) == '{';
	unsigned line = 1;
	char shown[16];

	for (size_t i = 0; i < m->out->origin[e->container]; i++)
		line += m->source[i] == '\n';
	mender_say(m, e->offset, "expected '%c' for the '%c' of line %u, found %s",
	           object ? '}' : ']', object ? '{' : '[', line, mender_found(m, e->offset, shown));
	return e->offset == m->out->len && mender_change(m, e->offset, 0, object ? "}" : "]");
}

/* The container or the text ends where the next member or element was expected. */
static bool mend_last(struct mender *m, const struct scan_error *e)
{
	bool object = mender_look(m, e->container) == '{';
	size_t last = mender_before(m, e->offset);

	if (mender_look(m, last) != ',')
		return mend_bracket(m, e);
	/* At the end of the text the comma needs no report: the next round reports the missing
	 * bracket. */
	if (e->offset < m->out->len)
		mender_say(m, last, "expected no comma after the last %s, found one",
		           object ? "member" : "element");
	return mender_change(m, last, 1, "");
}

/* The text does not start like an object, so it is unclear what was meant. */
static bool give_up_at_start(struct mender *m, size_t at)
{
	if (at == m->out->len)
		mender_say(m, at, "expected '{', found an empty file");
	else
		mender_expected(m, at, "'{'");
	return false;
}

static bool mend_value(struct mender *m, const struct scan_error *e)
{
	size_t at = e->offset;
	bool follows_key = mender_look(m, mender_before(m, at)) == ':';
	int c = mender_look(m, at);

	if (mend_byte_order_mark(m, at))
		return true;
	if (e->container == SCAN_NO_CONTAINER)
		return give_up_at_start(m, at);
	if (mend_quotes(m, at))
		return true;
	if (mender_is_end(c) && !follows_key)
		return mend_last(m, e);
	if (mender_is_end(c) || c == ',') { /* no value after the key, or a comma too many */
		mender_expected(m, at, e->expected);
		return follows_key ? mender_change(m, at, 0, "null") : mender_change(m, at, 1, "");
	}
	if (c == ':' || utf8_sequence(m->out->text + at, m->out->len - at) == 0 || iscntrl(c))
		return false;
	return mend_word(m, at);
}

static bool mend_key(struct mender *m, const struct scan_error *e)
{
	size_t at = e->offset, n = 0;
	int c = mender_look(m, at);

	if (mender_is_end(c))
		return mend_last(m, e);
	if (mend_quotes(m, at))
		return true;
	if (c == ',') {
		mender_expected(m, at, e->expected);
		return mender_change(m, at, 1, "");
	}
	while (mender_is_word(mender_look(m, at + n)))
		n++;
	if (n == 0)
		return false;
	mender_say(m, at, "expected %s, found %.*s", e->expected, n < 64 ? (int)n : 64,
	           m->out->text + at);
	return mender_change(m, at + n, 0, "\"") && mender_change(m, at, 0, "\"");
}

static bool mend_colon(struct mender *m, const struct scan_error *e)
{
	size_t at = e->offset, sign_len = 0; /* length of `=` or `=>` in place of the colon */
	int c = mender_look(m, at);

	if (mender_is_end(c) || c == ',') {
		mender_expected(m, at, "':' and a value after the key");
		return mender_change(m, at, 0, ":null");
	}
	if (c == '=')
		sign_len = mender_look(m, at + 1) == '>' ? 2 : 1;
	/* Text right after the key's quote may belong to the key: it is unclear what was meant. */
	if (sign_len == 0 && !mender_is_space(mender_look(m, at - 1)))
		return false;
	mender_expected(m, at, e->expected);
	return mender_change(m, at, sign_len, ":");
}

/* A number or word contains characters that it may not have. The whole word is the mistake. */
static bool mend_rest_of_word(struct mender *m, size_t at)
{
	while (at > 0 && mender_is_word(mender_look(m, at - 1)))
		at--;
	return mend_word(m, at);
}

static size_t skip_space(const struct mender *m, size_t at)
{
	while (mender_is_space(mender_look(m, at)))
		at++;
	return at;
}

/* True if the text at `at` belongs to the number or word that ends at `last`, as in `10%` and
 * `10 kb`. */
static bool continues_word(const struct mender *m, size_t last, size_t at)
{
	bool is_adjacent = last == at - 1;
	int c = mender_look(m, at);

	if (!mender_is_word(mender_look(m, last)))
		return false;
	if (is_adjacent)
		return true;
	if (!mender_is_word(c) || isdigit(c) || memchr(m->out->text + last, '\n', at - last))
		return false;
	while (mender_is_word(mender_look(m, at)))
		at++;
	c = mender_look(m, skip_space(m, at));
	return c != ':' && c != '='; /* a word before one of those is the next key */
}

/* True if the next key or value may start with `c` although quotes are missing. */
static bool can_start_bare(bool is_key, int c)
{
	return is_key ? isalpha(c) || c == '_' : mender_is_word(c);
}

static bool mend_comma(struct mender *m, const struct scan_error *e)
{
	size_t at = e->offset, last = mender_before(m, at);
	int c = mender_look(m, at);
	bool object = mender_look(m, e->container) == '{';
	bool opens = c == '"' || c == '{' || c == '[' || mend_quote_length(m, at) > 0;

	if (mender_is_end(c))
		return mend_bracket(m, e);
	if (c == ';') {
		mender_expected(m, at, e->expected);
		return mender_change(m, at, 1, ",");
	}
	if (!opens) {
		bool is_adjacent = last == at - 1;

		if (continues_word(m, last, at))
			return mend_rest_of_word(m, last);
		if (is_adjacent || !can_start_bare(object, c))
			return false;
	}
	mender_say(m, last + 1, "expected ',' before the next %s, found none",
	           object ? "key" : "value");
	return mender_change(m, last + 1, 0, ",");
}

static bool mend_end(struct mender *m, const struct scan_error *e)
{
	if (mender_look(m, e->offset) == ':') {
		mender_say(m, 0, "expected '{' before the first key, found none");
		return false;
	}
	mender_expected(m, e->offset, e->expected);
	m->out->len = e->offset; /* drops the rest */
	return true;
}

/* Replaces an unclosed string, up to the end of its line, by null, but keeps closing brackets and a
 * comma there. Only reports the mistake if the string is a key or seems to continue on the next
 * line. */
static bool mend_unclosed(struct mender *m, const struct scan_error *e)
{
	size_t at = e->offset, end = at;
	bool is_element = e->container != SCAN_NO_CONTAINER && mender_look(m, e->container) == '[';
	bool is_value = is_element || mender_look(m, mender_before(m, at)) == ':';
	char shown[16];
	int next;

	while (mender_look(m, end) >= 0 && mender_look(m, end) != '\n')
		end++;
	mender_say(m, at, "expected %s, found %s", e->expected, mender_found(m, end, shown));
	next = mender_look(m, skip_space(m, end));
	if (!is_value || !(mender_is_end(next) || next == '"'))
		return false;
	while (mender_is_space(mender_look(m, end - 1)) || strchr(",]}", mender_look(m, end - 1)))
		end--;
	return mender_change(m, at, end - at, "null");
}

static bool mend_string(struct mender *m, const struct scan_error *e)
{
	int c = mender_look(m, e->offset);
	bool is_unknown_escape = strncmp(e->expected, "one of ", 7) == 0;
	bool is_digit_of_escape = c >= 0x20 && c < 0x80 && c != '\\'; /* a wrong digit of \uXXXX */
	char shown[16];

	mender_say(m, e->offset, "expected %s, found %s%s", e->expected,
	           mender_found(m, e->offset, shown),
	           is_unknown_escape ? " (a backslash itself is \\\\)" : "");
	if (is_digit_of_escape)
		return false;
	return mender_change(m, e->offset, 1, c == '\\' ? "/" : "?");
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

/* Some editors and shells save text as UTF-16, with a byte order mark or without one. Then every
 * other byte of ASCII is NUL. */
static bool is_utf16(const struct mender *m)
{
	int first = mender_look(m, 0), second = mender_look(m, 1);

	return (first == 0xFF && second == 0xFE) || (first == 0xFE && second == 0xFF) ||
	       (first == 0 && mender_look(m, 2) == 0) || (second == 0 && mender_look(m, 3) == 0);
}

bool mend_text(const char *text, size_t len, mend_report *report, void *arg, struct mended *out)
{
	struct mender m = { out, text, report, arg };
	struct scan_error error = { 0 };

	if (!mended_copy(out, text, len)) {
		report(arg, 0, "out of memory");
		return false;
	}
	if (is_utf16(&m)) {
		mender_say(&m, 0, "expected UTF-8, found UTF-16: save the file as UTF-8");
		return false;
	}
	for (unsigned round = 0; scan_json(out->text, out->len, NULL, 0, &error) < 0; round++) {
		size_t n = out->n_mistakes;

		if (round == MEND_MAX) {
			mender_say(&m, error.offset, "gave up after %d mistakes", MEND_MAX);
			return false;
		}
		if (mend(&m, &error))
			continue;
		if (out->n_mistakes == n)
			mender_expected(&m, error.offset, error.expected);
		return false;
	}
	return true;
}
