/* ctl_print - a server's answer, for people. Whatever bytes its texts hold, a terminal gets none
 * that it would obey. [main] */
#ifndef CORE_CTL_PRINT_H
#define CORE_CTL_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "json/json.h"

/* The answer to the command, which is no error; members that are missing show as nothing. False:
 * memory was out. */
bool ctl_print(const char *command, const struct json *answer, FILE *out);
/* A text of more lines than one. */
void ctl_print_text(const char *text, FILE *out);

#endif
