/* ctl - the subcommand `spore ctl`: queries or controls a server on this machine through its admin
 * socket. [main] */
#ifndef CORE_CTL_H
#define CORE_CTL_H

#include "arguments/argument_table.h"

extern const struct argument_table ctl_arguments;

/* argv starts after the subcommand's name and is NULL-ended. Returns the exit status; EXIT_FAILED
 * if the server refuses the command or cannot be reached. */
int ctl_run(int argc, char **argv);

#endif
