#include "lines.h"

#include "../common/client/identity.h"
#include "../common/password/hash.h"

struct lines lines_read(const char *text, size_t len)
{
	size_t mark = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	return (struct lines){ text + mark, text + len, 0 };
}

/* Takes one line, without the LF or CRLF at its end. */
static spore_str take_line(struct lines *lines)
{
	size_t left = (size_t)(lines->end - lines->at);
	const char *newline = memchr(lines->at, '\n', left);
	spore_str line = { lines->at, newline ? (size_t)(newline - lines->at) : left };

	lines->at += line.len + (newline != NULL);
	lines->line++;
	if (newline && line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* A CR that is not in front of an LF ends no line. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_skipped(spore_str line)
{
	size_t i = 0;

	while (i < line.len && is_blank(line.ptr[i]))
		i++;
	return i == line.len || line.ptr[i] == '#';
}

static enum lines_step set_fault(struct lines_entry *out, size_t offset, const char *text)
{
	out->column = (unsigned)offset + 1;
	out->fault = text;
	return LINES_FAULT;
}

static enum lines_step read_hash(spore_str line, size_t at, struct lines_entry *out)
{
	spore_str rest = { line.ptr + at, line.len - at };
	const char *colon = rest.len ? memchr(rest.ptr, ':', rest.len) : NULL;
	const char *fault;

	if (colon)
		rest.len = (size_t)(colon - rest.ptr);
	if (!rest.len)
		return set_fault(out, at, "expected a hash behind the colon, found none");
	out->is_locked = rest.ptr[0] == '!' || rest.ptr[0] == '*';
	fault = out->is_locked ? NULL : hash_fault(rest);
	if (fault)
		return set_fault(out, at, fault);
	out->hash = rest;
	return LINES_ENTRY;
}

static enum lines_step read_line(spore_str line, struct lines_entry *out)
{
	const char *zero = memchr(line.ptr, '\0', line.len);
	const char *colon = memchr(line.ptr, ':', line.len);

	if (zero)
		return set_fault(out, (size_t)(zero - line.ptr),
		                 "expected text, found a zero byte");
	if (!colon)
		return set_fault(out, line.len, "expected NAME:HASH, found no colon");
	out->name = (spore_str){ line.ptr, (size_t)(colon - line.ptr) };
	if (!identity_is_good(out->name))
		return set_fault(out, 0,
		                 "expected a name of 1 to 255 bytes of UTF-8 without control "
		                 "characters in front of the colon");
	return read_hash(line, out->name.len + 1, out);
}

enum lines_step lines_next(struct lines *lines, struct lines_entry *out)
{
	*out = (struct lines_entry){ 0 };
	while (lines->at < lines->end) {
		spore_str line = take_line(lines);

		out->line = lines->line;
		if (!is_skipped(line))
			return read_line(line, out);
	}
	return LINES_END;
}
