/* secrets_file - splits the text of a secrets file into names and secrets:
 *
 *     # a comment
 *     alice:correct-horse-battery-staple
 *     ci:rUbic0n
 *
 * The text is UTF-8, with or without a byte order mark. A line is NAME:SECRET and ends with LF,
 * CRLF or the end of the text. The secret is everything after the first colon, including spaces and
 * colons. Blank lines and lines that begin with '#' are skipped.
 *
 * Pure: reads no file, copies nothing, keeps nothing. The caller checks the names. */
#ifndef SECRETS_FILE_H
#define SECRETS_FILE_H

#include <spore/base.h>

/* A position in the text. */
struct secrets_reader {
	const char *at, *end;
	unsigned line; /* the number of the line before `at`; the first is 1 */
};

enum secrets_step { SECRETS_LINE, SECRETS_FAULT, SECRETS_END };

struct secrets_line {
	unsigned line;
	spore_str name, secret; /* SECRETS_LINE: point into the text; not empty, without NUL */
	const char *flaw;  /* SECRETS_LINE: a likely mistake in the secret; static; NULL: none */
	unsigned column;   /* SECRETS_FAULT: 1-based, in bytes */
	const char *fault; /* SECRETS_FAULT: what was expected and what was found; static */
};

/* True if the text begins like UTF-16, which is not read. */
int secrets_are_utf16(const char *text, size_t len);
struct secrets_reader secrets_read(const char *text, size_t len);
/* Returns the next name and secret, a mistake (the call after it goes on), or the end. */
enum secrets_step secrets_next(struct secrets_reader *reader, struct secrets_line *out);

#endif
