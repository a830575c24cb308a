/* activation - the listening sockets that a service manager has passed to the process, in the
 * protocol of sd_listen_fds(3): LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. Most are those of its
 * socket units. Sockets with the names of keep/kept_ports are public ports that it has kept. [main]
 */
#ifndef CORE_ACTIVATION_H
#define CORE_ACTIVATION_H

#include "base/err.h"
#include "keep/kept_ports.h"

enum { ACTIVATION_MOST = 256, ACTIVATION_SHARED_MOST = 2048, ACTIVATION_VISITORS_MOST = 2048 };

struct activation {
	int fds[ACTIVATION_MOST]; /* owned, as all sockets here */
	unsigned n;               /* 0: none was passed */
	/* Of routed ports: the service manager has kept them, or the server before this one passes
	 * them (upgrade/heir). */
	int shared[ACTIVATION_SHARED_MOST];
	unsigned n_shared;
	/* Visitors of these that it has accepted, and has read nothing of. */
	int visitors[ACTIVATION_VISITORS_MOST];
	unsigned n_visitors;
	struct kept_socket kept[KEPT_PORTS_MOST];
	unsigned n_kept;
	struct err err; /* why the variables cannot be read; "": they can */
};

/* Takes the sockets, and removes the variables, so that no program that this process starts sees
 * them or inherits the sockets. Call it before another thread or program starts. */
void activation_take(struct activation *activation);
/* Closes the sockets. Idempotent. */
void activation_close(struct activation *activation);

#endif
