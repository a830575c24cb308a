/* greeting - the first message of a program that may take a server's place: the proof that it knows
 * how to. [any] */
#ifndef CORE_GREETING_H
#define CORE_GREETING_H

#include <stdbool.h>

#include "base/err.h"

struct json;

enum { GREETING_VERSION_SIZE = 64 };

/* Is the message a greeting? */
bool greeting_is_one(const struct json *message);
/* Copies the program's version, "" if it tells none. False and *err: it hands over by another
 * protocol. */
bool greeting_read(const struct json *message, char version_out[GREETING_VERSION_SIZE],
                   struct err *err);

#endif
