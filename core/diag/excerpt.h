/* excerpt - prints the line of a source that a message is about, with a caret below the place.
 *
 * Bytes that must not be shown are printed as '*': the values of options of type SECRET, and what
 * the mask hides. [main] */
#ifndef CORE_EXCERPT_H
#define CORE_EXCERPT_H

#include <stdio.h>

#include "json/json.h"

struct mask;

/* Prints nothing for a blank line. The caller zeroes `mask` before the first excerpt. Excerpts in
 * ascending order of `offset` read the source only once. */
void excerpt_print(struct mask *mask, const struct json_source *source, size_t offset, FILE *out);

#endif
