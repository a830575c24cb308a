/* arguments - the one parser of the subcommands' command lines; each subcommand brings a table.
 * `spore server` and `spore local` have config/command instead, whose table holds the options of
 * the configuration. [main] */
#ifndef CORE_ARGUMENTS_H
#define CORE_ARGUMENTS_H

#include <stdbool.h>

#include "arguments/argument_table.h"
#include "base/err.h"

enum arguments_outcome { ARGUMENTS_GOOD, ARGUMENTS_HELP, ARGUMENTS_WRONG };

/* Reads a NULL-ended argv, which starts after the subcommand's name, into `values`, the struct that
 * the table's offsets belong to. A value comes from the flag, then from a variable that is not
 * empty, then from the default. Without any, `values` is unchanged. --help ends the reading.
 * ARGUMENTS_WRONG and *err: what was expected and what was found. */
enum arguments_outcome arguments_parse(const struct argument_table *table, char *const *argv,
                                       void *values, struct err *err);
/* The same for a subcommand: prints the help, or the error. False: *status_out is the exit
 * status. */
bool arguments_read(const struct argument_table *table, char *const *argv, void *values,
                    int *status_out);
/* Prints an error that the table cannot express. `format` has one %s, for `found`. Returns
 * EXIT_USAGE. */
int arguments_refuse(const struct argument_table *table, const char *format, const char *found);

#endif
