/* reference - the subcommand `spore reference`: prints documents and a schema that are made from
 * the option tables. [main] */
#ifndef CORE_COMMANDS_REFERENCE_H
#define CORE_COMMANDS_REFERENCE_H

#include "arguments/argument_table.h"

extern const struct argument_table reference_arguments;

/* argv starts after the subcommand's name and is NULL-ended. Returns the exit status; EXIT_FAILED
 * if something cannot be read or written. */
int reference_run(int argc, char **argv);

#endif
