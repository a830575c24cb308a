/* authorized - splits the text of an authorized_keys file (sshd(8)) into keys:
 *
 *     # a comment
 *     ssh-ed25519 AAAAC3Nza... alice
 *     max-tunnels="5",expiry-time="20271231" ecdsa-sha2-nistp256 AAAAE2Vj... bob at work
 *
 * A line is OPTIONS TYPE KEY COMMENT and ends with LF, CRLF or the end of the text. OPTIONS and
 * COMMENT may be left out. Blank lines and lines that begin with '#' are skipped.
 *
 * Reads no file and keeps nothing. [any] */
#ifndef COMMON_AUTHORIZED_H
#define COMMON_AUTHORIZED_H

#include "key.h"
#include "restrictions.h"

/* A position in the text. */
struct authorized_reader {
	const char *at, *end;
	unsigned line; /* lines that were read so far */
};

enum authorized_step { AUTHORIZED_KEY, AUTHORIZED_FAULT, AUTHORIZED_END };

struct authorized_line {
	unsigned line;
	/* AUTHORIZED_KEY */
	struct restrictions restrictions; /* their identity is set */
	struct key key;                   /* the caller owns it */
	unsigned key_column;              /* where its type begins; 1-based, in bytes */
	/* AUTHORIZED_FAULT */
	unsigned column;   /* 1-based, in bytes */
	const char *fault; /* what was expected and what was found; static */
};

struct authorized_reader authorized_read(const char *text, size_t len);
/* Returns the next key, a mistake, or the end. After a mistake, the next call goes on behind it. */
enum authorized_step authorized_next(struct authorized_reader *reader, struct authorized_line *out);

#endif
