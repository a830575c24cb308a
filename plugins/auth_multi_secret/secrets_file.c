#include "secrets_file.h"

struct secrets_reader secrets_read(const char *text, size_t len)
{
	return (struct secrets_reader){ text, text + len, 0 };
}

/* Takes one line, without its line ending. */
static spore_str take_line(struct secrets_reader *reader)
{
	size_t left = (size_t)(reader->end - reader->at);
	const char *newline = memchr(reader->at, '\n', left);
	spore_str line = { reader->at, newline ? (size_t)(newline - reader->at) : left };

	reader->at += line.len + (newline != NULL);
	reader->line++;
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

static int is_skipped(spore_str line)
{
	size_t i = 0;

	while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
		i++;
	return i == line.len || line.ptr[i] == '#';
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
	size_t name = colon ? (size_t)(colon - line.ptr) : line.len;

	if (zero)
		return set_fault(out, (size_t)(zero - line.ptr),
		                 "expected text, found a zero byte");
	if (!colon)
		return set_fault(out, line.len, "expected NAME:SECRET, found no colon");
	if (name == 0)
		return set_fault(out, 0, "expected a name before the colon, found none");
	if (name + 1 == line.len)
		return set_fault(out, line.len, "expected a secret after the colon, found none");
	out->name = (spore_str){ line.ptr, name };
	out->secret = (spore_str){ colon + 1, line.len - name - 1 };
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
