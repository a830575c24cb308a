/* exit - why a client ended: its exit status. */
#ifndef CORE_WAY_EXIT_H
#define CORE_WAY_EXIT_H

enum client_exit {
	CLIENT_ENDED = 0,
	CLIENT_FAILED = 1,
	CLIENT_NOT_AUTHENTICATED = 3,
	CLIENT_PORT_REFUSED = 4
};

#endif
