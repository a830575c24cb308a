/* status_answer - prints the status of a server or a client. */
#ifndef CORE_SHOW_STATUS_ANSWER_H
#define CORE_SHOW_STATUS_ANSWER_H

#include <stdbool.h>
#include <stdio.h>

struct json;

/* False: out of memory. */
bool status_answer_print(const struct json *answer, FILE *out);

#endif
