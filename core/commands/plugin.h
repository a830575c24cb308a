/* plugin - the subcommand `spore plugin`: shows which plugins are found, and what one file
 * contains. [main] */
#ifndef CORE_COMMANDS_PLUGIN_H
#define CORE_COMMANDS_PLUGIN_H

#include "arguments/argument_table.h"

extern const struct argument_table plugin_arguments;

/* argv starts after the subcommand's name and is NULL-ended. Returns the exit status; EXIT_FAILED
 * if the plugin of `info` is refused, or if something cannot be read. */
int plugin_run(int argc, char **argv);

#endif
