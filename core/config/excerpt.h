/* excerpt - the line of a source that a message is about, with a caret below the place.
 *
 * What must not be shown is shown as '*': values that an option of type SECRET has read, and, since a
 * file with mistakes may not have come that far, values whose key sounds like one. [main] */
#ifndef CORE_EXCERPT_H
#define CORE_EXCERPT_H

#include <stdio.h>

#include "base/json.h"

/* Prints nothing for a blank line. */
void excerpt_print(const struct json_source *source, size_t offset, FILE *out);

#endif
