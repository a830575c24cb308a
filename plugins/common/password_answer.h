/* password_answer - an answer that holds a name and a password:
 *
 *   answer = "p1=" name ":" password
 *
 * Both are percent-encoded as in named.h. A name and a password whose answer would be longer than
 * SPORE_AUTH_ANSWER_MAX are refused, never cut. This code is compiled into each plugin that uses
 * it. */
#ifndef COMMON_PASSWORD_ANSWER_H
#define COMMON_PASSWORD_ANSWER_H

#include <spore/auth.h>
#include <stdbool.h>

/* The bytes that the encoded name and the encoded password may have together. */
enum { PASSWORD_ANSWER_ROOM = SPORE_AUTH_ANSWER_MAX - 4 };

/* Both decoded, with a NUL, and not empty. */
struct password_answer {
	char name[PASSWORD_ANSWER_ROOM + 1];
	char password[PASSWORD_ANSWER_ROOM + 1];
};

/* Returns the answer's length; 0: it would be too long, or a text is empty or contains NUL.
 * [any] */
size_t password_answer_write(spore_str name, spore_str password, char out[SPORE_AUTH_ANSWER_MAX]);
/* False: the answer is of another form. Wipe *out in any case. [any] */
bool password_answer_parse(spore_str answer, struct password_answer *out);

#endif
