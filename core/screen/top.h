/* top - the subcommand `spore top`: shows a running server or client on a terminal, by
 * spore-screen. */
#ifndef CORE_TOP_H
#define CORE_TOP_H

struct argument_table;

extern const struct argument_table top_arguments;

/* argv starts after the subcommand's name. Returns the exit status. */
int top_run(int argc, char **argv);

#endif
