/* value_text - writes the C value of an option back as JSON, on one line. [main] */
#ifndef CORE_VALUE_TEXT_H
#define CORE_VALUE_TEXT_H

#include <spore/option.h>
#include <stdint.h>
#include <stdio.h>

#include "base/crypto.h"

/* Written in place of a secret, and of a value that only its plugin understands. */
#define VALUE_TEXT_SECRET "\"(secret)\""
#define VALUE_TEXT_HIDDEN "\"(not shown)\""

struct json;

/* The output, and the digest of all values written so far, secrets included. Starts as { .out =
 * FILE }. */
struct value_text {
	FILE *out;
	uint8_t digest[CRYPTO_SHA256_SIZE];
};

/* Writes the value at `field`. The type must not be a map, an object or a list of objects. */
void value_text_write(struct value_text *text, const spore_option *row, const void *field);
/* Writes a string; NULL: null. */
void value_text_string(struct value_text *text, const char *string);
/* Writes VALUE_TEXT_HIDDEN in place of a tree; NULL: null. */
void value_text_node(struct value_text *text, const struct json *node);

#endif
