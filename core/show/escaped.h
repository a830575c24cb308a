/* escaped - prints texts of another process for people. A terminal does not obey them. */
#ifndef CORE_SHOW_ESCAPED_H
#define CORE_SHOW_ESCAPED_H

#include <stdio.h>

/* Prints a text that may have several lines. Control bytes, and bytes that are not UTF-8, are shown
 * as \xNN. */
void escaped_print(const char *text, FILE *out);

#endif
