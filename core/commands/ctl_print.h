/* ctl_print - prints a server's answer for people. Control bytes in its texts are escaped, so that
 * a terminal does not obey them. [main] */
#ifndef CORE_CTL_PRINT_H
#define CORE_CTL_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "json/json.h"

/* Prints the answer to `command`, which must not be an error. A missing member is shown as "-" or
 * 0. False: out of memory. */
bool ctl_print(const char *command, const struct json *answer, FILE *out);
/* Prints a text that may have several lines. */
void ctl_print_text(const char *text, FILE *out);

#endif
