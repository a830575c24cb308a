#include "authorized.h"

#include "../client/identity.h"
#include "base64.h"

struct authorized_reader authorized_read(const char *text, size_t len)
{
	static const char byte_order_mark[] = { '\xEF', '\xBB', '\xBF' };
	bool has_mark = len >= 3 && memcmp(text, byte_order_mark, 3) == 0;

	return (struct authorized_reader){ text + (has_mark ? 3 : 0), text + len, 0 };
}

/* Takes one line, without the LF or CRLF at its end. */
static spore_str take_line(struct authorized_reader *reader)
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

/* CR is a blank, because without an LF behind it it does not end a line. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static size_t skip_blanks(spore_str line, size_t at)
{
	while (at < line.len && is_blank(line.ptr[at]))
		at++;
	return at;
}

static spore_str word_at(spore_str line, size_t at)
{
	size_t end = at;

	while (end < line.len && !is_blank(line.ptr[end]))
		end++;
	return (spore_str){ line.ptr + at, end - at };
}

static enum authorized_step set_fault(struct authorized_line *out, size_t offset, const char *text)
{
	out->column = (unsigned)offset + 1;
	out->fault = text;
	return AUTHORIZED_FAULT;
}

/* True: the word begins like a key type of SSH, which may be one that this server does not
 * support. */
static bool is_key_type(spore_str word)
{
	static const char *const beginnings[] = { "ssh-", "ecdsa-", "sk-" };

	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
		size_t len = strlen(beginnings[i]);

		if (word.len > len && memcmp(word.ptr, beginnings[i], len) == 0)
			return true;
	}
	return false;
}

/* The comment is the identity, unless an option has set one. */
static enum authorized_step read_comment(spore_str line, size_t at, struct authorized_line *out)
{
	spore_str comment;

	at = skip_blanks(line, at);
	comment = (spore_str){ line.ptr + at, line.len - at };
	while (comment.len && is_blank(comment.ptr[comment.len - 1]))
		comment.len--;
	if (*out->restrictions.identity)
		return AUTHORIZED_KEY;
	if (!comment.len)
		return set_fault(out, at,
		                 "expected an identity: a comment behind the key, or the option "
		                 "identity=NAME in front of it");
	if (!identity_is_good(comment))
		return set_fault(out, at,
		                 "expected an identity of 1 to 255 bytes of UTF-8 without control "
		                 "characters in the comment");
	memcpy(out->restrictions.identity, comment.ptr, comment.len);
	return AUTHORIZED_KEY;
}

static enum authorized_step read_key(spore_str line, size_t at, struct authorized_line *out)
{
	spore_str type = word_at(line, at), text;
	uint8_t blob[KEY_BLOB_MAX];
	enum authorized_step step;
	size_t len, text_at;

	out->key_column = (unsigned)at + 1;
	if (!key_type_is_known(type))
		return set_fault(out, at,
		                 "expected a key of the type " KEY_TYPE_ED25519
		                 " or " KEY_TYPE_P256);
	text_at = skip_blanks(line, at + type.len);
	text = word_at(line, text_at);
	if (!text.len || !base64_decode(text, blob, sizeof blob, &len))
		return set_fault(out, text_at, "expected the key in base64 behind its type");
	if (!key_from_blob(&out->key, type, blob, len))
		return set_fault(out, text_at,
		                 "expected a key of the type in front of it, found other bytes: is "
		                 "the line complete?");
	step = read_comment(line, text_at + text.len, out);
	if (step == AUTHORIZED_FAULT)
		key_fini(&out->key);
	return step;
}

static enum authorized_step read_line(spore_str line, struct authorized_line *out)
{
	const char *zero = memchr(line.ptr, '\0', line.len);
	size_t at = skip_blanks(line, 0);
	struct restrictions_fault fault;
	spore_str options;

	if (zero)
		return set_fault(out, (size_t)(zero - line.ptr),
		                 "expected text, found a zero byte");
	if (is_key_type(word_at(line, at)))
		return read_key(line, at, out);
	options = (spore_str){ line.ptr + at, restrictions_span(line.ptr + at, line.len - at) };
	if (!restrictions_parse(options, &out->restrictions, &fault))
		return set_fault(out, at + fault.offset, fault.text);
	return read_key(line, skip_blanks(line, at + options.len), out);
}

/* ---- keys in other formats ---- */

static bool starts_with(spore_str line, const char *beginning)
{
	size_t len = strlen(beginning);

	return line.len >= len && memcmp(line.ptr, beginning, len) == 0;
}

static bool contains(spore_str line, const char *text)
{
	return memmem(line.ptr, line.len, text, strlen(text));
}

/* If the line begins a private key, or a public key that is not in OpenSSH's one-line format,
 * returns an error message, otherwise NULL. The message never contains a part of the key. */
static const char *find_foreign_key(spore_str line)
{
	bool begins = starts_with(line, "-----BEGIN ") || starts_with(line, "---- BEGIN ");

	/* OpenSSH's private keys begin with "openssh-key-", which is b3BlbnNzaC1rZXkt in base64. */
	if ((begins && contains(line, "PRIVATE KEY")) || starts_with(line, "b3BlbnNzaC1rZXkt") ||
	    starts_with(line, "PuTTY-User-Key-File"))
		return "expected public keys, found a private key: remove it from this file, and "
		       "replace it if others may have read the file; `ssh-keygen -y -f KEY` prints "
		       "the public key of a private one";
	return begins ? "expected public keys in OpenSSH's format, one per line, found another "
	                "format: `ssh-keygen -i -f FILE` converts it"
	              : NULL;
}

/* Skips the rest of the key up to its last line or an empty one, so that the whole key is reported
 * as one mistake. */
static void skip_foreign_key(struct authorized_reader *reader)
{
	while (reader->at < reader->end) {
		spore_str line = take_line(reader);

		if (!line.len || starts_with(line, "-----END ") || starts_with(line, "---- END "))
			return;
	}
}

enum authorized_step authorized_next(struct authorized_reader *reader, struct authorized_line *out)
{
	const char *foreign;

	*out = (struct authorized_line){ 0 };
	while (reader->at < reader->end) {
		spore_str line = take_line(reader);
		size_t at = skip_blanks(line, 0);

		if (at == line.len || line.ptr[at] == '#')
			continue;
		out->line = reader->line;
		foreign = find_foreign_key((spore_str){ line.ptr + at, line.len - at });
		if (!foreign)
			return read_line(line, out);
		skip_foreign_key(reader);
		return set_fault(out, at, foreign);
	}
	return AUTHORIZED_END;
}
