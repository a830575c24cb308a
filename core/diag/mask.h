/* mask - which bytes of a configuration may be a secret's, by how they read: a file with mistakes
 * may not have come so far that an option of type SECRET has read them.
 *
 * A value is hidden if its key, or that of an object or array around it, sounds like a secret's.
 * Where quotes are missing, no word can be told from the next: then all behind such a key keeps its
 * shape alone. [main] */
#ifndef CORE_MASK_H
#define CORE_MASK_H

#include <stdbool.h>
#include <stddef.h>

struct span {
	size_t start, end;
};

/* A part of a text, and which of its bytes are not to be shown. */
enum { MASK_WINDOW = 640 };
struct mask_window {
	struct span span;
	bool hidden[MASK_WINDOW];
};

/* How far a text has been read, from its beginning on; {0} before. It is read once, however many
 * lines are asked for, if they come in their order. */
struct mask {
	const char *text;
	size_t at;
	struct span key;
	unsigned depth; /* brackets since the secret's key */
	bool value;     /* a colon has come, and no value behind it yet */
	bool lost;      /* what is key and what is value cannot be told any more */
};

/* Hides what must not be shown of the line, without its line feed, in the window, which is part of
 * it. */
void mask_line(struct mask *mask, const char *text, struct span line, struct mask_window *window);
void mask_hide(struct mask_window *window, struct span span);

#endif
