/* homes - whether this machine still has the local address of a connection. The kernel keeps a
 * connection whose address is gone, but no packet comes back to it. [any], one thread at a time. */
#ifndef CORE_HOMES_H
#define CORE_HOMES_H

#include <spore/base.h>
#include <stdbool.h>

enum { HOMES_KNOWN = 8 };

/* Answers that hold for the moment. Zero-initialized: none. */
struct homes {
	struct home {
		spore_addr addr;
		bool is_here;
	} known[HOMES_KNOWN];
	unsigned n;
};

/* Does this machine have the local address of the socket? True if that is not known, and for a
 * socket without an IP address. addr_out: of family 0 in that case. */
bool homes_have(struct homes *homes, int fd, spore_addr *addr_out);
/* Is it known that this machine did not have the address, whose port is 0? */
bool homes_lack(const struct homes *homes, const spore_addr *addr);

#endif
