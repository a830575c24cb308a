/* serve_local - the subcommand `spore local`. [main] */
#ifndef CORE_SERVE_LOCAL_H
#define CORE_SERVE_LOCAL_H

/* argv starts after the subcommand's name. Returns when the client has ended: the exit status, as
 * in enum client_exit. */
int serve_local(int argc, char **argv);

#endif
