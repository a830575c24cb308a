/* mask - guesses which bytes of a configuration may belong to a secret. In a file with mistakes,
 * the options of type SECRET may not have been read, so only the text itself can tell.
 *
 * A value is hidden if its key, or the key of an object or array around it, sounds like a secret.
 * The password in a URL is hidden, too.
 * If a line has a missing quote, keys and values cannot be told apart; then everything after such a
 * key is hidden. [main] */
#ifndef CORE_MASK_H
#define CORE_MASK_H

#include <stdbool.h>
#include <stddef.h>

struct span {
	size_t start, end;
};

/* A part of a text, and which of its bytes must not be shown. */
enum { MASK_WINDOW = 640 };
struct mask_window {
	struct span span;
	bool hidden[MASK_WINDOW];
};

/* How far a text has been read; {0} at first. Asking for lines in their order reads the text only
 * once. */
struct mask {
	const char *text;
	size_t at;
	struct span key;
	unsigned depth;     /* open brackets since the secret's key; 0: not in a secret's value */
	bool expects_value; /* a colon has been read */
	bool lost;          /* keys and values cannot be told apart any more */
};

/* Hides the secrets of a line (without its line feed) in the window, which is a part of that
 * line. */
void mask_line(struct mask *mask, const char *text, struct span line, struct mask_window *window);
/* Hides a span of the text in the window. */
void mask_hide(struct mask_window *window, struct span span);

#endif
