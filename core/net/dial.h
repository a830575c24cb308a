/* dial - connects to HOST:PORT. It resolves the name without blocking the loop, then tries the
 * addresses one by one. The remaining addresses share the time up to one deadline. [worker] */
#ifndef CORE_DIAL_H
#define CORE_DIAL_H

#include <spore/base.h>

#include "net/sock.h"

struct loop;
struct resolver;
struct dial;

/* Success: fd >= 0, which the callee owns, and the address that answered. Failure: fd is -1, and
 * why tells the cause. The dial does not exist any more. */
typedef void (*dial_fn)(int fd, const spore_addr *addr, const char *why, void *arg);

struct dial_target {
	const char *host; /* borrowed: outlives the dial */
	uint16_t port;
	int64_t timeout_ms;
	struct sock_sizes sizes;
};

/* on_done runs once, later and never from within. NULL: out of memory. */
struct dial *dial_start(struct loop *loop, struct resolver *resolver,
                        const struct dial_target *target, dial_fn on_done, void *arg);
/* Ends the attempt; on_done will not run. NULL is fine. */
void dial_stop(struct dial *dial);

#endif
