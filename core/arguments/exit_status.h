/* exit_status - how every subcommand ends. `spore local` has more: see enum client_exit. */
#ifndef CORE_EXIT_STATUS_H
#define CORE_EXIT_STATUS_H

enum exit_status {
	EXIT_GOOD = 0,
	EXIT_FAILED = 1, /* the configuration is wrong, or the work failed */
	EXIT_USAGE = 2   /* the command line is wrong */
};

#endif
