/* pointer - where a node stands: as a JSON pointer (RFC 6901), and as a line and column of its
 * text. Pure. [any] */
#ifndef CORE_POINTER_H
#define CORE_POINTER_H

#include <stddef.h>

#include "json/json.h"

/* The node at a JSON pointer that starts at `node`. If the pointer leads nowhere, the last node on
 * its way. */
const struct json *json_at(const struct json *node, const char *pointer);
/* The JSON pointer of a node, cut at size. */
void json_pointer(const struct json *node, char *out, size_t size);
/* The 1-based line and column of an offset in a text. */
void json_position(const char *text, size_t len, size_t offset, unsigned *line_out,
                   unsigned *column_out);

#endif
