/* serve_server - the subcommand `spore server`. [main] */
#ifndef CORE_SERVE_SERVER_H
#define CORE_SERVE_SERVER_H

/* argv starts after the subcommand's name. Returns when the server has ended: the exit status. */
int serve_server(int argc, char **argv);

#endif
