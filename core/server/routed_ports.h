/* routed_ports - the listening sockets at the ports that several tunnels share: for each worker one
 * at each address of each entry of "public" with `listen_port`. [main] */
#ifndef CORE_ROUTED_PORTS_H
#define CORE_ROUTED_PORTS_H

#include <stdbool.h>

#include "base/err.h"
#include "net/sock.h"

struct config;
struct given_sockets;
struct json;

struct routed_ports_plan {
	const struct config *config;
	/* The configuration whose sockets are open: an entry whose port stays at its addresses gets
	 * none. NULL: there are none. */
	const struct config *before;
	/* What the server before this one has passed, which is used first. NULL: nothing. */
	const struct given_sockets *given;
	unsigned worker;    /* its index; those before it have opened theirs */
	unsigned n_workers; /* needed only with `given` */
};

/* Opens the sockets of one worker. Returns those of each entry, in an array that the caller frees
 * after it has taken or closed the sockets. NULL: none is open; *at_fault_out is the value to
 * blame, or NULL, and *err says why. */
struct sockets *routed_ports_open(const struct routed_ports_plan *plan,
                                  const struct json **at_fault_out, struct err *err);
/* The service manager may have kept the sockets of another configuration. Ends those that this one
 * cannot use, so that their ports are free for any socket, although the manager has copies. Call it
 * before anything is bound. A port of which a socket is missing is bound anew, too. */
void routed_ports_sift(const struct config *config, int *fds, unsigned *n);
/* Closes the sockets, and frees the array of routed_ports_open for this configuration. NULL is
 * fine. */
void routed_ports_close(const struct config *config, struct sockets *all);

#endif
