/* similar - the name that was probably meant by one that does not exist, for "did you mean". This
 * code is compiled into each plugin that uses it. */
#ifndef COMMON_SIMILAR_H
#define COMMON_SIMILAR_H

/* The names are offered one by one. Begin with `found` set and the rest zero. */
struct similar {
	const char *found;
	const char *meant; /* of those offered so far, borrowed; NULL: none is similar */
	unsigned edits;    /* from one to the other */
};

/* The name stays the caller's, and must stay as long as `meant` is used. [any] */
void similar_offer(struct similar *similar, const char *name);

enum { SIMILAR_TEXT_SIZE = 288 };

/* Writes ": did you mean NAME?", or nothing. Returns `out`. [any] */
const char *similar_question(const struct similar *similar, char out[SIMILAR_TEXT_SIZE]);

#endif
