/* jsonout - writes a JSON text piece by piece: indented, in printable ASCII; other characters
 * become \uXXXX, as in the log. Not thread-safe. */
#ifndef CORE_JSONOUT_H
#define CORE_JSONOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* { .out = FILE } starts a text. */
struct jsonout {
	FILE *out;
	unsigned depth;
	bool after_value; /* a value was written: a comma comes before the next */
};

/* `key` is the member's key in an object; NULL elsewhere. */
void jsonout_begin(struct jsonout *json, const char *key, char bracket);    /* '{' or '[' */
void jsonout_end(struct jsonout *json, char bracket);                       /* '}' or ']' */
void jsonout_text(struct jsonout *json, const char *key, const char *text); /* NULL: null */
void jsonout_int(struct jsonout *json, const char *key, int64_t number);
void jsonout_bool(struct jsonout *json, const char *key, bool value);
/* A text that is JSON is written as that value, any other as a string. NULL: null. */
void jsonout_value(struct jsonout *json, const char *key, const char *text);

#endif
