/* keeper - asks main to let the service manager keep the sockets of public ports for the next
 * process (process/notify), or to drop those that are not needed any more.
 *
 *   worker ── sockets and name ──▶ main ──▶ service manager */
#ifndef CORE_KEEPER_H
#define CORE_KEEPER_H

#include <stdatomic.h>

#include "net/sock.h"

struct loop;

struct keeper {
	struct loop *main_loop; /* borrowed; NULL: nobody keeps sockets */
	/* [main] The fd stays the caller's. */
	void (*keep)(void *arg, int fd, const char *name);
	void (*drop)(void *arg, const char *name);
	void *arg;
	atomic_uint n; /* sockets that were given to keep */
};

/* Takes the sockets of one public port, and closes them in any case. Does nothing else without
 * memory, or if the manager cannot keep all of them besides the others (KEPT_PORTS_MOST). [any] */
void keeper_keep(struct keeper *keeper, struct sockets *sockets, const char *name);
/* All sockets of this name. [any] */
void keeper_drop(struct keeper *keeper, const char *name);

#endif
