#include "json/misspelling.h"

#include <string.h>

/* The typographic quotes are U+2018 to U+201B (single) and U+201C to U+201F (double). */
size_t mend_quote_length(const struct mender *m, size_t at)
{
	if (mender_look(m, at) == '\'')
		return 1;
	if (mender_look(m, at) == 0xE2 && mender_look(m, at + 1) == 0x80 &&
	    (mender_look(m, at + 2) & ~7) == 0x98)
		return 3;
	return 0;
}

bool mend_comment(struct mender *m, size_t at)
{
	size_t left = m->out->len - at, n = left;
	const char *text = m->out->text + at, *end;
	bool is_block = left >= 2 && memcmp(text, "/*", 2) == 0;
	bool is_line = (left >= 2 && memcmp(text, "//", 2) == 0) || mender_look(m, at) == '#';

	if (!is_block && !is_line)
		return false;
	end = is_block ? memmem(text + 2, left - 2, "*/", 2) : memchr(text, '\n', left);
	if (end)
		n = (size_t)(end - text) + (is_block ? 2 : 0);
	mender_say(m, at, "expected no comment (JSON has none), found one");
	return mender_change(m, at, n, " ");
}

bool mend_byte_order_mark(struct mender *m, size_t at)
{
	if (at != 0 || m->out->len < 3 || memcmp(m->out->text, "\xEF\xBB\xBF", 3) != 0)
		return false;
	mender_say(m, 0, "expected UTF-8 without a byte order mark, found one");
	return mender_change(m, 0, 3, "");
}

/* True if the typographic quote at `at` is a double one: their last byte has this bit. */
static bool is_double(const struct mender *m, size_t at)
{
	return mender_look(m, at + 2) & 4;
}

/* The length of the quote at `end` if it closes the string that the one at `start` opens, else 0.
 * A '"' may close what a typographic quote opens. */
static size_t closing_length(const struct mender *m, size_t start, size_t end)
{
	size_t opening = mend_quote_length(m, start);
	bool is_typographic = opening > 1;

	if (mend_quote_length(m, end) != opening)
		return is_typographic && mender_look(m, end) == '"' ? 1 : 0;
	return !is_typographic || is_double(m, start) == is_double(m, end) ? opening : 0;
}

bool mend_quotes(struct mender *m, size_t at)
{
	char *text = m->out->text;
	size_t n = mend_quote_length(m, at), end = at + n, closing = 0;

	if (n == 0)
		return false;
	for (; mender_look(m, end) != '\n' && mender_look(m, end) >= 0; end++) {
		closing = closing_length(m, at, end);
		if (closing)
			break;
		end += text[end] == '\\'; /* and the escaped character */
	}
	if (!closing)
		return false;
	mender_say(m, at, "expected double quotes (\"), found %s ones",
	           n == 1 ? "single" : "typographic");
	for (size_t i = at + n; i < end; i++) {
		if (text[i] == '"' || (text[i] == '\\' && text[i + 1] == '\''))
			text[i] = '\'';
	}
	return mender_change(m, end, closing, "\"") && mender_change(m, at, n, "\"");
}

/* Words with spaces between them, as in `not so`, are one mistake. A string or a comment after them
 * is not part of it. */
static bool is_end_of_words(const struct mender *m, size_t at)
{
	int c = mender_look(m, at), next = mender_look(m, at + 1);

	return mender_is_end(c) || c == ',' || c == '\n' ||
	       (mender_is_space(c) && next > 0 && strchr("\"/#", next));
}

/* The message does not show the word, since it may be a secret. */
bool mend_word(struct mender *m, size_t at)
{
	/* The first four mean true. */
	static const char *const booleans[] = { "True",  "TRUE",  "yes", "on",
		                                "False", "FALSE", "no",  "off" };
	const char *text = m->out->text + at;
	size_t n = 0, i = 0;

	while (!is_end_of_words(m, at + n))
		n++;
	while (mender_is_space(text[n - 1]))
		n--;
	while (i < 8 && (strlen(booleans[i]) != n || memcmp(booleans[i], text, n) != 0))
		i++;
	if (i < 8)
		mender_say(m, at, "expected %s, found %s", i < 4 ? "true" : "false", booleans[i]);
	else if (n > 2 && text[0] == '0' && (text[1] | 32) == 'x')
		mender_say(m, at, "expected a decimal number, found a hexadecimal one");
	else if (n > 1 && strspn(text, "0123456789") >= n && text[0] == '0')
		mender_say(m, at, "expected a number without leading zeros, found one with them");
	else
		mender_say(m, at,
		           "expected a number, true, false, null or a string in double quotes, "
		           "found a bare word");
	return mender_change(m, at, n, "null");
}
