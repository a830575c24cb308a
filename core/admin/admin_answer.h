/* admin_answer - the text of an answer: one JSON object, written into memory. Do not move the
 * struct before the end: the stream knows its place. [main] */
#ifndef CORE_ADMIN_ANSWER_H
#define CORE_ADMIN_ANSWER_H

#include <stddef.h>

#include "json/jsonout.h"

struct admin_answer {
	char *text; /* valid once the answer has ended */
	size_t len;
	struct jsonout json; /* json.out is NULL: out of memory */
};

/* Opens the object. On failure, json.out is NULL and only admin_answer_end may be called. */
void admin_answer_begin(struct admin_answer *answer);
/* It will not be sent. Harmless on a zeroed struct, and on an answer that has ended. */
void admin_answer_drop(struct admin_answer *answer);
/* Closes the object. Returns the text, which the caller frees; NULL: out of memory, which is
 * logged. */
char *admin_answer_end(struct admin_answer *answer);

/* Writes the member "error": `what` followed by `about`. An answer with this member means that
 * nothing was done. */
void admin_error_write(struct jsonout *json, const char *what, const char *about);

#endif
