/* refusal - the log's text about a Redis or Sentinel that refuses the log-in. Its own text may
 * repeat the user and the password, as that of a Redis does that does not know AUTH. */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stddef.h>

/* `who`: "Redis" or "the Sentinel". `reply`: the error to AUTH. The text has at most the reply's
 * code word, such as WRONGPASS. [any] */
void refusal_of_login(const char *who, const char *reply, char *out, size_t size);

#endif
