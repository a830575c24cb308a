/* dial - a connection to HOST:PORT: the name resolved off the loop, its addresses tried in turn,
 * all within one deadline that the remaining addresses share. [worker] */
#ifndef CORE_DIAL_H
#define CORE_DIAL_H

#include <spore/base.h>

#include "net/sock.h"

struct loop;
struct resolver;
struct dial;

/* fd >= 0 and the address that answered: the fd is the callee's. Or fd = -1 and why. The dial is
 * gone when this runs. */
typedef void (*dial_fn)(int fd, const spore_addr *addr, const char *why, void *arg);

struct dial_target {
	const char *host; /* borrowed: outlives the dial */
	uint16_t port;
	int64_t timeout_ms;
	struct sock_sizes sizes;
};

/* on_done runs later, never from within. NULL: out of memory. */
struct dial *dial_start(struct loop *loop, struct resolver *resolver,
                        const struct dial_target *target, dial_fn on_done, void *arg);
/* Forgets it; on_done will not run. NULL is fine. */
void dial_stop(struct dial *dial);

#endif
