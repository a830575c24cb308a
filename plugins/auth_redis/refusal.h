/* refusal - the log's text about a Redis or Sentinel that refuses the log-in. The text that it
 * replies may repeat the user and the password: a Redis that does not know AUTH does so. So the log
 * does not show that text. */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stddef.h>

/* `who`: "Redis" or "the Sentinel". `reply`: the error to AUTH, of which the text contains at most
 * the code word, such as WRONGPASS. [any] */
void refusal_of_login(const char *who, const char *reply, char *out, size_t size);

#endif
