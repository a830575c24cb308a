/* lines - splits the text of a password file into names and hashes:
 *
 *     # a comment
 *     alice:$2y$10$...
 *     bob:$y$j9T$...
 *
 * A line is NAME:HASH and ends with LF, CRLF or the end of the text. A HASH that begins with '!' or
 * '*' locks the name, as in shadow(5): no password fits. What follows a second colon, such as the
 * further fields of shadow(5), is skipped. Blank lines and lines that begin with '#' are skipped,
 * too.
 *
 * Reads no file and keeps nothing. [any] */
#ifndef AUTH_HTPASSWD_LINES_H
#define AUTH_HTPASSWD_LINES_H

#include <spore/base.h>
#include <stdbool.h>

/* A position in the text. */
struct lines {
	const char *at, *end;
	unsigned line; /* the number of the line before `at`; the first is 1 */
};

enum lines_step { LINES_ENTRY, LINES_FAULT, LINES_END };

struct lines_entry {
	unsigned line;
	spore_str name, hash; /* LINES_ENTRY: point into the text; both are good */
	bool is_locked;       /* LINES_ENTRY: no password fits; `hash` is any text */
	unsigned column;      /* LINES_FAULT: 1-based, in bytes */
	const char *fault;    /* LINES_FAULT: what was expected and what was found; permanent */
};

struct lines lines_read(const char *text, size_t len);
/* Returns the next name and hash, a mistake (the call after it goes on), or the end. */
enum lines_step lines_next(struct lines *lines, struct lines_entry *out);

#endif
