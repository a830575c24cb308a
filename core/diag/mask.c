#include "diag/mask.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char *const secret_words[] = { "secret", "pass", "token", "key" };
enum { N_SECRET_WORDS = sizeof secret_words / sizeof *secret_words };

/* ---- keys that sound like a secret ---- */

static bool holds(const char *text, struct span span, const char *word)
{
	return memmem(text + span.start, span.end - span.start, word, strlen(word)) != NULL;
}

/* True for a misspelt "secret". The key "socket" looks like one, but is no secret. */
static bool is_nearly_secret(const char *text, struct span key)
{
	char copy[32];

	snprintf(copy, sizeof copy, "%.*s", (int)(key.end - key.start), text + key.start);
	return text_distance(copy, "secret") <= 2 && strcmp(copy, "socket") != 0;
}

/* True if the key, which may be misspelt, sounds like that of a secret. A key that says something
 * about a secret, such as "key_file", does not count. Nor does "authorized_keys": these are
 * public. */
static bool names_secret(const char *text, struct span key)
{
	static const char *const harmless[] = { "file", "path", "rate", "burst", "authorized" };

	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
		if (holds(text, key, harmless[i]))
			return false;
	}
	for (size_t i = 0; i < N_SECRET_WORDS; i++) {
		if (holds(text, key, secret_words[i]))
			return true;
	}
	return is_nearly_secret(text, key);
}

static bool span_is(const char *text, struct span span, const char *word)
{
	return span.end - span.start == strlen(word) &&
	       memcmp(text + span.start, word, strlen(word)) == 0;
}

static bool is_punctuation(char c)
{
	return c && strchr(" \t\r:=,{}[]", c);
}

/* Returns the quoted text or bare word at `at`, without its quotes. *next_out is the offset after
 * it. A closing quote may be missing. */
static struct span read_word(const char *text, size_t at, size_t end, size_t *next_out)
{
	struct span word = { at, at };
	char quote = text[at];

	if (quote != '"' && quote != '\'') {
		while (word.end < end && !is_punctuation(text[word.end]))
			word.end++;
		*next_out = word.end;
		return word;
	}
	word.end = ++word.start;
	while (word.end < end && text[word.end] != quote)
		word.end += 1 + (text[word.end] == '\\' && word.end + 1 < end);
	*next_out = word.end < end ? word.end + 1 : end;
	return word;
}

static bool is_followed_by_colon(const char *text, size_t at, size_t end)
{
	while (at < end && (text[at] == ' ' || text[at] == '\t'))
		at++;
	return at < end && (text[at] == ':' || text[at] == '=');
}

void mask_hide(struct mask_window *window, struct span span)
{
	if (span.start < window->span.start)
		span.start = window->span.start;
	for (size_t i = span.start; i < span.end && i < window->span.end; i++)
		window->hidden[i - window->span.start] = true;
}

/* ---- a line ---- */

struct walk {
	struct mask *mask;
	struct mask_window *window; /* NULL: the line is not shown */
	bool after_word;            /* a word was read, and no punctuation after it yet */
	bool irregular;  /* two words without punctuation between them, or an unclosed quote */
	size_t misspelt; /* the end of the first word like "secret"; else the end of the line */
};

/* True if the next word belongs to the value of a secret. */
static bool is_within_secret(const struct mask *mask)
{
	return mask->depth > 0 || (mask->expects_value && names_secret(mask->text, mask->key));
}

static void take_punctuation(struct walk *walk, char c)
{
	struct mask *mask = walk->mask;

	if (c == '{' || c == '[')
		mask->depth += is_within_secret(mask);
	else if (c == '}' || c == ']')
		mask->depth -= mask->depth > 0;
	if (c == ' ' || c == '\t' || c == '\r')
		return;
	mask->expects_value = c == ':' || c == '=';
	walk->after_word = false;
}

/* True if the next word says where a secret is, as in {"file": ...} and {"env": ...}. */
static bool is_place_of_secret(const struct mask *mask)
{
	return mask->expects_value && mask->depth > 0 &&
	       (span_is(mask->text, mask->key, "file") || span_is(mask->text, mask->key, "env"));
}

static void take_word(struct walk *walk, struct span word, bool is_key)
{
	struct mask *mask = walk->mask;

	if (word.end < walk->misspelt && is_nearly_secret(mask->text, word))
		walk->misspelt = word.end;
	walk->irregular = walk->irregular || walk->after_word;
	walk->after_word = true;
	if (!mask->expects_value && is_key) {
		mask->key = word;
	} else if (!mask->expects_value && mask->depth == 0 && names_secret(mask->text, word)) {
		mask->key = word; /* a key whose colon is missing */
		mask->expects_value = true;
		walk->after_word = false;
	} else if (is_within_secret(mask) && !is_place_of_secret(mask) && walk->window) {
		mask_hide(walk->window, word);
	}
}

static void walk_line(struct walk *walk, struct span line)
{
	const char *text = walk->mask->text;

	for (size_t at = line.start, next; at < line.end; at = next) {
		struct span word;
		bool is_unclosed;

		if (is_punctuation(text[at])) {
			take_punctuation(walk, text[at]);
			next = at + 1;
			continue;
		}
		word = read_word(text, at, line.end, &next);
		take_word(walk, word, is_followed_by_colon(text, next, line.end));
		is_unclosed = word.start > at && word.end == line.end;
		walk->irregular = walk->irregular || is_unclosed;
	}
}

/* The end of the first secret word in the line, or the end of the line. */
static size_t end_of_first_secret_word(const char *text, struct span line)
{
	size_t first = line.end;

	for (size_t i = 0; i < N_SECRET_WORDS; i++) {
		const char *word = secret_words[i];
		const char *at = memmem(text + line.start, line.end - line.start, word,
		                        strlen(word));

		if (at && (size_t)(at - text) + strlen(word) < first)
			first = (size_t)(at - text) + strlen(word);
	}
	return first;
}

static void hide_all_behind(const char *text, struct span line, size_t from,
                            struct mask_window *window)
{
	for (size_t i = from; i < line.end; i++) {
		if (!is_punctuation(text[i]) && text[i] != '"' && text[i] != '\'')
			mask_hide(window, (struct span){ i, i + 1 });
	}
}

/* From where all of a line is hidden, since its keys and values cannot be told apart: behind what
 * sounds like a secret's key. The end of the line: nothing needs to be hidden in this way. */
static size_t start_of_doubt(const struct walk *walk, struct span line, bool starts_within_secret)
{
	size_t named;

	if (walk->mask->lost)
		return line.start;
	if (!walk->irregular)
		return line.end;
	if (starts_within_secret)
		return line.start;
	named = end_of_first_secret_word(walk->mask->text, line);
	return named < walk->misspelt ? named : walk->misspelt;
}

/* ---- passwords in URLs ---- */

/* The password in "SCHEME://USER:PASSWORD@HOST", with or without the scheme. Empty: there is
 * none. */
static struct span find_url_password(const char *text, struct span word)
{
	const char *start = text + word.start;
	const char *sign = memrchr(start, '@', word.end - word.start), *scheme, *user, *colon;

	if (!sign)
		return (struct span){ word.end, word.end };
	scheme = memmem(start, (size_t)(sign - start), "://", 3);
	user = scheme ? scheme + 3 : start;
	colon = memchr(user, ':', (size_t)(sign - user));
	return (struct span){ (size_t)((colon ? colon + 1 : sign) - text), (size_t)(sign - text) };
}

/* No plugin takes such a URL, but the line is shown together with the mistake. */
static void hide_url_passwords(const char *text, struct span line, struct mask_window *window)
{
	struct span word = { line.start, line.start };

	for (; word.start < line.end; word.start = word.end + 1) {
		word.end = word.start;
		while (word.end < line.end && !strchr(" \t\r\"", text[word.end]))
			word.end++;
		mask_hide(window, find_url_password(text, word));
	}
}

static void read_line(struct mask *mask, struct span line, struct mask_window *window)
{
	struct walk walk = { mask, window, .misspelt = line.end };
	bool starts_within_secret = is_within_secret(mask);
	size_t first;

	walk_line(&walk, line);
	first = start_of_doubt(&walk, line, starts_within_secret);
	mask->lost = mask->lost || first < line.end;
	if (!window)
		return;
	hide_all_behind(mask->text, line, first, window);
	hide_url_passwords(mask->text, line, window);
}

void mask_line(struct mask *mask, const char *text, struct span line, struct mask_window *window)
{
	struct mask copy;

	if (mask->text != text || mask->at > line.start)
		*mask = (struct mask){ .text = text };
	while (mask->at < line.start) {
		const char *end = memchr(text + mask->at, '\n', line.start - mask->at);
		size_t next = end ? (size_t)(end - text) + 1 : line.start;

		read_line(mask, (struct span){ mask->at, end ? next - 1 : next }, NULL);
		mask->at = next;
	}
	/* Reads with a copy, so that the same line can be asked for again. */
	copy = *mask;
	read_line(&copy, line, window);
}
