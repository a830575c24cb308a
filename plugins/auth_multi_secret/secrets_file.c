#include "secrets_file.h"

struct secrets_reader secrets_read(const char *text, size_t len)
{
	size_t mark = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	return (struct secrets_reader){ text + mark, text + len, 0 };
}

int secrets_are_utf16(const char *text, size_t len)
{
	if (len < 2)
		return 0;
	if (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0)
		return 1;
	/* UTF-16 without a byte order mark: one byte of an ASCII character is zero. */
	return (text[0] == '\0') != (text[1] == '\0');
}

/* Takes one line, without the LF or CRLF at its end. */
static spore_str take_line(struct secrets_reader *reader)
{
	size_t left = (size_t)(reader->end - reader->at);
	const char *newline = memchr(reader->at, '\n', left);
	spore_str line = { reader->at, newline ? (size_t)(newline - reader->at) : left };

	reader->at += line.len + (newline != NULL);
	reader->line++;
	if (newline && line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* A CR that is not in front of an LF ends no line. */
static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static size_t count_blanks(spore_str text)
{
	size_t n = 0;

	while (n < text.len && is_blank(text.ptr[n]))
		n++;
	return n;
}

static int is_skipped(spore_str line)
{
	size_t blanks = count_blanks(line);

	return blanks == line.len || line.ptr[blanks] == '#';
}

/* The secret is not all blanks. */
static const char *find_flaw(spore_str secret)
{
	if (is_blank(secret.ptr[0]))
		return "blanks at its start";
	if (is_blank(secret.ptr[secret.len - 1]))
		return "blanks at its end";
	for (size_t i = 0; i < secret.len; i++) {
		if ((unsigned char)secret.ptr[i] < 0x20 || secret.ptr[i] == 0x7F)
			return "control bytes";
	}
	return NULL;
}

static enum secrets_step set_fault(struct secrets_line *out, size_t offset, const char *text)
{
	out->column = (unsigned)offset + 1;
	out->fault = text;
	return SECRETS_FAULT;
}

static enum secrets_step split(spore_str line, struct secrets_line *out)
{
	const char *colon = memchr(line.ptr, ':', line.len),
		   *zero = memchr(line.ptr, '\0', line.len);
	size_t name_len = colon ? (size_t)(colon - line.ptr) : line.len;

	if (zero)
		return set_fault(out, (size_t)(zero - line.ptr),
		                 "expected text, found a zero byte");
	if (!colon)
		return set_fault(out, line.len, "expected NAME:SECRET, found no colon");
	if (name_len == 0)
		return set_fault(out, 0, "expected a name before the colon, found none");
	out->name = (spore_str){ line.ptr, name_len };
	out->secret = (spore_str){ colon + 1, line.len - name_len - 1 };
	if (count_blanks(out->secret) == out->secret.len)
		return set_fault(out, line.len, "expected a secret after the colon, found none");
	out->flaw = find_flaw(out->secret);
	return SECRETS_LINE;
}

enum secrets_step secrets_next(struct secrets_reader *reader, struct secrets_line *out)
{
	*out = (struct secrets_line){ 0 };
	while (reader->at < reader->end) {
		spore_str line = take_line(reader);

		out->line = reader->line;
		if (!is_skipped(line))
			return split(line, out);
	}
	return SECRETS_END;
}
