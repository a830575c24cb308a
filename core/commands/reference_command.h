/* reference_command - the subcommand `spore reference`: documents from the tables of options.
 * [main] */
#ifndef CORE_REFERENCE_COMMAND_H
#define CORE_REFERENCE_COMMAND_H

/* argv starts behind the subcommand; returns the exit status: 0, 1 (not all could be read or
 * written) or 2 (usage). */
int reference_run(int argc, char **argv);

#endif
