/* auth_test - the subcommand `spore auth test`: asks an auth chain as a client would, and shows
 * what each instance says and what the client would be allowed. [main] */
#ifndef CORE_AUTH_TEST_H
#define CORE_AUTH_TEST_H

#include "arguments/argument_table.h"

extern const struct argument_table auth_test_arguments;

/* argv starts after the subcommand's name and is NULL-ended. Returns the exit status: EXIT_REFUSED
 * if the chain refuses the client. */
int auth_test_run(int argc, char **argv);

#endif
