/* keygen - the subcommand `spore keygen`: prints a new secret, or makes a key pair. [main] */
#ifndef CORE_KEYGEN_H
#define CORE_KEYGEN_H

#include "arguments/argument_table.h"

extern const struct argument_table keygen_arguments;

/* argv starts after the subcommand's name and is NULL-ended. Returns the exit status. */
int keygen_run(int argc, char **argv);

#endif
