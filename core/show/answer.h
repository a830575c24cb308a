/* answer - prints an answer of a running server or client for people, as `spore ctl` shows it.
 * Control bytes in its texts are escaped. [main] */
#ifndef CORE_SHOW_ANSWER_H
#define CORE_SHOW_ANSWER_H

#include <stdbool.h>
#include <stdio.h>

struct json;

/* Prints the answer to `command`, which must not be an error. A missing member is shown as "-" or
 * 0. False: out of memory. */
bool answer_print(const char *command, const struct json *answer, FILE *out);

#endif
