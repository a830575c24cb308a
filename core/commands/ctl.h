/* ctl - the subcommand `spore ctl`: asks a server that runs on this machine, or tells it what to
 * do. [main] */
#ifndef CORE_CTL_H
#define CORE_CTL_H

/* argv starts behind the subcommand; returns the exit status: 0, 1 (refused, or there is no server)
 * or 2 (usage). */
int ctl_run(int argc, char **argv);

#endif
