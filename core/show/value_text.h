/* value_text - the text of one value, as a person reads it: "1.5 KiB", "2d02h". */
#ifndef CORE_SHOW_VALUE_TEXT_H
#define CORE_SHOW_VALUE_TEXT_H

#include <stddef.h>

struct json;

/* The size of a text. A longer one is cut. */
enum { VALUE_TEXT_SIZE = 256 };

enum value_format {
	VALUE_TEXT,
	VALUE_CLAIM, /* a text that a client has chosen: only its beginning is shown */
	VALUE_LIST,  /* an array of texts, cut in the same way: "a, b" */
	VALUE_NUMBER,
	VALUE_BYTES,
	VALUE_AGE, /* milliseconds */
	VALUE_MICROSECONDS,
	VALUE_YES_NO,
	VALUE_EVENT, /* an object with "age_ms" and "error": "5s ago: server error: ..." */
	VALUE_USE,   /* an object with "used" and "allowed": "5.0 MiB of 1.0 GiB" */
};

/* "-" if the value is NULL or empty. A value of an unexpected type is written in a form of its own
 * type. */
void value_text(const struct json *value, enum value_format format, char out[VALUE_TEXT_SIZE]);
/* The texts of an array: "a, b"; "" if there are none. */
void value_text_join(const struct json *texts, char out[VALUE_TEXT_SIZE]);

#endif
