/* dial - connects to HOST:PORT. It resolves the name without blocking the loop, then tries the
 * addresses in parallel, each DIAL_STAGGER_MS after the one before it, or as soon as all earlier
 * ones have failed (RFC 8305). The first connection wins; the other attempts are closed.
 * IPv6 and IPv4 addresses take turns.
 *
 * It also connects to a unix socket, and tries again while its queue of connections is full.
 * [worker] */
#ifndef CORE_DIAL_H
#define CORE_DIAL_H

#include <spore/base.h>

#include "net/shortage.h"
#include "net/sock.h"

struct loop;
struct resolver;
struct dial;

/* How long an attempt has before the next one starts beside it. */
enum { DIAL_STAGGER_MS = 250 };

/* Success: fd >= 0, which the callee owns, and addr is the address that answered; it is of family 1
 * if it is that of a unix socket. Failure: fd is -1, and `failure` tells the cause; it is valid
 * during the call. The dial does not exist any more. */
typedef void (*dial_fn)(int fd, const spore_addr *addr, const struct net_failure *failure,
                        void *arg);

struct dial_target {
	const char *host; /* borrowed: outlives the dial */
	const char
		*path; /* of a unix socket, instead of a host; borrowed as the host; NULL: none */
	uint16_t port;
	int64_t timeout_ms; /* for the look-up and all attempts together */
	spore_addr source;  /* connect from it, to addresses of its family only; family 0: any */
	struct sock_sizes sizes;
	spore_addr addr; /* the only address to try, whatever addresses the host has now; family 0:
	                  * try those of the host */
};

/* on_done runs once, and never from within dial_start. NULL: out of memory. */
struct dial *dial_start(struct loop *loop, struct resolver *resolver,
                        const struct dial_target *target, dial_fn on_done, void *arg);
/* Ends the attempts; on_done will not run. NULL is fine. */
void dial_stop(struct dial *dial);

#endif
