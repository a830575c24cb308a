/* keeper - gives the sockets of public ports to main, which passes them on to whoever keeps them
 * for the next process: the service manager (process/notify), or the next process itself, if that
 * runs already (upgrade/upgrade). It also tells main which are not needed any more.
 *
 *   worker ── sockets and name ──▶ main ──▶ service manager, or next process */
#ifndef CORE_KEEPER_H
#define CORE_KEEPER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "net/sock.h"

struct loop;

struct keeper {
	struct loop *main_loop; /* borrowed */
	atomic_bool is_open;    /* somebody keeps sockets */
	/* [main] The fd stays the caller's. */
	void (*keep)(void *arg, int fd, const char *name);
	void (*drop)(void *arg, const char *name);
	void *arg;
	atomic_uint n; /* sockets that were given to keep */
};

/* Does somebody keep sockets? [any] */
bool keeper_is_open(const struct keeper *keeper);
/* Somebody, or nobody, keeps sockets from now on, and has none yet. [main] */
void keeper_open(struct keeper *keeper, bool is_open);
/* Takes the sockets of one public port, and closes them in any case. False: they are not kept,
 * because memory is out, or because there is no room for all of them besides the others
 * (KEPT_PORTS_MOST). [any] */
bool keeper_keep(struct keeper *keeper, struct sockets *sockets, const char *name);
/* All sockets of this name. [any] */
void keeper_drop(struct keeper *keeper, const char *name);

#endif
