/* wrap - text for people, printed in lines of a limited width. [any] */
#ifndef CORE_WRAP_H
#define CORE_WRAP_H

#include <stddef.h>
#include <stdio.h>

enum { WRAP_WIDTH = 80, WRAP_LEAST = 40 };

/* Prints the words of `text`, and a newline at the end. A line has at most as many columns as the
 * environment variable COLUMNS says, from WRAP_LEAST to WRAP_WIDTH; without a usable value,
 * WRAP_WIDTH. The next line starts with `indent` spaces. `column`: how many columns of the first
 * line are already used. Words and texts in brackets, such as "[default: 5]", are never split. */
void wrap_print(const char *text, size_t column, size_t indent, FILE *out);

#endif
