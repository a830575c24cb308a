/* value_text - the option types the other way: one C value becomes JSON in a line. [main] */
#ifndef CORE_VALUE_TEXT_H
#define CORE_VALUE_TEXT_H

#include <spore/option.h>
#include <stdint.h>
#include <stdio.h>

#include "base/crypto.h"

/* What stands in place of a secret, and of what only its plugin can read. */
#define VALUE_TEXT_SECRET "\"(secret)\""
#define VALUE_TEXT_HIDDEN "\"(not shown)\""

struct json;

/* A text on its way out, and the digest of what it stands for. Zero-initialized but for `out`. */
struct value_text {
	FILE *out;
	uint8_t digest[CRYPTO_SHA256_SIZE];
};

/* The value at `field`, of any type but a map, an object or a list of objects. */
void value_text_write(struct value_text *text, const spore_option *row, const void *field);
/* A string, or null. */
void value_text_string(struct value_text *text, const char *string);
/* A tree, of which nothing is shown. NULL: null. */
void value_text_node(struct value_text *text, const struct json *node);

#endif
