/* serve - the subcommands `spore server` and `spore local`, from the command line to the exit
 * status: 0 clean end, 1 runtime or configuration, 2 usage, 3 authentication refused, 4 port
 * refused. [main] */
#ifndef CORE_SERVE_H
#define CORE_SERVE_H

/* argv starts behind the subcommand. */
int serve_server(int argc, char **argv);
int serve_local(int argc, char **argv);

#endif
