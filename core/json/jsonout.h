/* jsonout - a JSON text, written piece by piece: indented, in printable ASCII alone, whatever the
 * bytes of its texts are (others become \uXXXX, as in a log). Not thread-safe. */
#ifndef CORE_JSONOUT_H
#define CORE_JSONOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* { .out = FILE } is at the start of a text. */
struct jsonout {
	FILE *out;
	unsigned depth;
	bool behind_value; /* so that a comma comes first */
};

/* `key`: within an object; NULL elsewhere. */
void jsonout_begin(struct jsonout *json, const char *key, char bracket);    /* '{' or '[' */
void jsonout_end(struct jsonout *json, char bracket);                       /* '}' or ']' */
void jsonout_text(struct jsonout *json, const char *key, const char *text); /* NULL: null */
void jsonout_int(struct jsonout *json, const char *key, int64_t number);
void jsonout_bool(struct jsonout *json, const char *key, bool value);
/* A text that may be JSON itself: then it is that value, else a string. NULL: null. */
void jsonout_value(struct jsonout *json, const char *key, const char *text);

#endif
