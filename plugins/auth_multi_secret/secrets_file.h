/* secrets_file - the text of a file of secrets, taken apart line by line:
 *
 *     # who may come in
 *     alice:correct-horse-battery-staple
 *     ci:rUbic0n
 *
 * A line is NAME:SECRET and ends with LF, CRLF or the text. The secret is all that stands behind
 * the first colon, spaces and colons too. Blank lines and lines that begin with '#' are left out.
 *
 * Pure: reads no file, copies nothing, keeps nothing. Names are only cut out: whether one is good
 * is the caller's to say. */
#ifndef SECRETS_FILE_H
#define SECRETS_FILE_H

#include <spore/base.h>

/* Where it stands in the text. */
struct secrets_reader {
	const char *at, *end;
	unsigned line; /* 1-based, of the line before `at` */
};

enum secrets_step { SECRETS_LINE, SECRETS_FAULT, SECRETS_END };

struct secrets_line {
	unsigned line;
	spore_str name, secret; /* SECRETS_LINE: within the text, not empty, without a zero byte */
	unsigned column;        /* SECRETS_FAULT: 1-based, in bytes */
	const char *fault;      /* SECRETS_FAULT: what was expected and what was found; static */
};

struct secrets_reader secrets_read(const char *text, size_t len);
/* The next name and secret, a mistake (the line behind it may be asked for), or the end. */
enum secrets_step secrets_next(struct secrets_reader *reader, struct secrets_line *out);

#endif
