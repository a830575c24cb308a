/* keeper - asks main to let the service manager keep the sockets of public ports for the next
 * process (process/notify), or to drop one that is not needed any more.
 *
 *   worker ── socket and name ──▶ main ──▶ service manager */
#ifndef CORE_KEEPER_H
#define CORE_KEEPER_H

#include <stdatomic.h>

struct loop;

struct keeper {
	struct loop *main_loop; /* borrowed; NULL: nobody keeps sockets */
	/* [main] The fd stays the caller's. */
	void (*keep)(void *arg, int fd, const char *name);
	void (*drop)(void *arg, const char *name);
	void *arg;
	atomic_uint n; /* that were given to keep */
};

/* Takes the fd, and closes it in any case. Does nothing else without memory, or if the manager
 * keeps as many as it can (KEPT_PORTS_MOST). [any] */
void keeper_keep(struct keeper *keeper, int fd, const char *name);
/* [any] */
void keeper_drop(struct keeper *keeper, const char *name);

#endif
