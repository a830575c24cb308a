#include "config/excerpt.h"

#include <string.h>

#include "base/text.h"

enum { WIDTH = 160 };

/* ---- what sounds like a secret ----------------------------------------------------------------- */

struct span {
	size_t start, end;
};

static bool holds(const char *text, struct span span, const char *word)
{
	return memmem(text + span.start, span.end - span.start, word, strlen(word)) != NULL;
}

/* Misspelt, too. */
static bool names_secret(const char *text, struct span key)
{
	static const char *const words[] = { "secret", "pass", "token", "key" };
	static const char *const about[] = { "file", "path", "rate", "burst" }; /* no secret itself */
	char copy[32];

	for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
		if (holds(text, key, about[i]))
			return false;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (holds(text, key, words[i]))
			return true;
	}
	snprintf(copy, sizeof copy, "%.*s", (int)(key.end - key.start), text + key.start);
	return text_distance(copy, "secret") <= 2;
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

/* The quoted text or bare word at `at`, and where it is over. It may be cut or wrong in any way. */
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

/* Is the byte at `offset` of the line part of a value whose key, or that of an object or array around
 * it, sounds like a secret's? {"file": ...} and {"env": ...} only say where one is. */
static bool sounds_secret(const char *text, struct span line, size_t offset)
{
	struct span key = { line.start, line.start }, word;
	unsigned depth = 0; /* brackets since the secret's key */
	bool value = false;

	for (size_t at = line.start, next; at <= offset && at < line.end; at = next) {
		bool secret = depth > 0 || (value && names_secret(text, key));
		bool opens = text[at] == '{' || text[at] == '[';

		next = at + 1;
		if (is_punctuation(text[at])) {
			depth += opens && secret;
			depth -= depth > 0 && (text[at] == '}' || text[at] == ']');
			if (text[at] != ' ' && text[at] != '\t')
				value = text[at] == ':' || text[at] == '=';
			continue;
		}
		word = read_word(text, at, line.end, &next);
		if (!value && is_followed_by_colon(text, next, line.end))
			key = word;
		else if (!value && depth == 0 && names_secret(text, word)) {
			key = word; /* its colon has been forgotten */
			value = true;
		} else if (offset >= word.start && offset < word.end)
			return secret && !(value && depth > 0 &&
			                   (span_is(text, key, "file") || span_is(text, key, "env")));
	}
	return false;
}

/* ---- the line ---------------------------------------------------------------------------------- */

static bool is_hidden(const struct json_source *source, struct span line, size_t offset)
{
	for (const struct json_secret *s = source->secrets; s; s = s->next) {
		if (offset >= s->start && offset < s->end)
			return true;
	}
	return sounds_secret(source->text, line, offset);
}

/* Prints the character at `at` in one column and returns its length. */
static size_t print_character(const struct json_source *source, struct span line, size_t at, FILE *out)
{
	const char *text = source->text + at;
	size_t n = text_utf8_sequence(text, line.end - at);

	if (is_hidden(source, line, at))
		fputc('*', out);
	else if (text_visible(text, line.end - at))
		fwrite(text, 1, n, out);
	else
		fputc((unsigned char)*text < 0x20 ? ' ' : '?', out);
	return n > 0 ? n : 1;
}

/* Without the blanks at its end. */
static struct span line_at(const struct json_source *source, size_t offset)
{
	struct span line = { offset, offset };

	while (line.start > 0 && source->text[line.start - 1] != '\n')
		line.start--;
	while (line.end < source->len && source->text[line.end] != '\n')
		line.end++;
	while (line.end > line.start && strchr(" \t\r", source->text[line.end - 1]))
		line.end--;
	return line;
}

void excerpt_print(const struct json_source *source, size_t offset, FILE *out)
{
	struct span line = line_at(source, offset < source->len ? offset : source->len);
	size_t at = line.start, column = 0;

	if (line.end == line.start)
		return;
	if (offset > line.end)
		offset = line.end;
	if (offset - line.start > WIDTH / 2)
		for (at = offset - WIDTH / 2; ((unsigned char)source->text[at] & 0xC0) == 0x80;)
			at++;
	fputs("    ", out);
	for (size_t from = at; at < line.end && at < from + WIDTH;) {
		column += at < offset;
		at += print_character(source, line, at, out);
	}
	fprintf(out, "\n    %*s^\n", (int)column, "");
}
