/* plugin_command - the subcommand `spore plugin`: what is found where, and what a file says. [main]
 */
#ifndef CORE_PLUGIN_COMMAND_H
#define CORE_PLUGIN_COMMAND_H

/* argv starts behind the subcommand; returns the exit status: 0, 1 (refused, or cannot be read) or
 * 2 (usage). */
int plugin_run(int argc, char **argv);

#endif
