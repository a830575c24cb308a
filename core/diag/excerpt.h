/* excerpt - the line of a source that a message is about, with a caret below the place.
 *
 * What must not be shown is shown as '*': values that an option of type SECRET has read, and what
 * the mask hides. [main] */
#ifndef CORE_EXCERPT_H
#define CORE_EXCERPT_H

#include <stdio.h>

#include "json/json.h"

struct mask;

/* Prints nothing for a blank line. The mask has read the lines before, or nothing. */
void excerpt_print(struct mask *mask, const struct json_source *source, size_t offset, FILE *out);

#endif
