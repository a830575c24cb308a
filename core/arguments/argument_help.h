/* argument_help - the help of a subcommand, made from its argument table. [main] */
#ifndef CORE_ARGUMENT_HELP_H
#define CORE_ARGUMENT_HELP_H

#include <stdio.h>

#include "arguments/argument_table.h"

/* Prints lines of at most 80 columns. */
void argument_help_print(const struct argument_table *table, FILE *out);

#endif
