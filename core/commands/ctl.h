/* ctl - the subcommand `spore ctl`: queries or controls a server on this machine through its admin
 * socket. [main] */
#ifndef CORE_CTL_H
#define CORE_CTL_H

/* argv starts after the subcommand's name and is NULL-ended. Returns the exit status; EXIT_FAILED
 * if the server refuses the command or cannot be reached. */
int ctl_run(int argc, char **argv);

#endif
