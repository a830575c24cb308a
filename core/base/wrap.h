/* wrap - text for people, printed in lines of a limited width. [any] */
#ifndef CORE_WRAP_H
#define CORE_WRAP_H

#include <stddef.h>
#include <stdio.h>

enum { WRAP_WIDTH = 80, WRAP_LEAST = 40 };

/* Prints the words of `text`, and a newline at the end. A line that would exceed WRAP_WIDTH
 * columns, or as many as the variable COLUMNS says if that is from WRAP_LEAST to WRAP_WIDTH,
 * continues on the next line after `indent` spaces. `column`: how many columns of the first line
 * are already used. A word is never split, and neither is a text in brackets, for example
 * "[default: 5]". */
void wrap_print(const char *text, size_t column, size_t indent, FILE *out);

#endif
