/* completion - the subcommand `spore completion`: prints a script with which a shell completes the
 * command lines of spore. [main] */
#ifndef CORE_COMPLETION_H
#define CORE_COMPLETION_H

#include <stddef.h>

#include "completion/offer.h"

extern const struct argument_table completion_arguments;

/* `commands`: all subcommands, this one included. argv starts after the subcommand's name. Returns
 * the exit status. */
int completion_run(char **argv, const struct offer_command *commands, size_t n);

#endif
