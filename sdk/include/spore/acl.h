/* spore/acl.h - access control by address, when a connection is accepted.
 * SPDX-License-Identifier: MIT
 *
 * The host asks the instances of a chain in order. ALLOW and DENY end the chain, NEXT goes on to
 * the next instance, and NEXT from the last instance allows. The host counts and limits
 * connections; an ACL does not.
 */
#ifndef SPORE_ACL_H
#define SPORE_ACL_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the connection arrived: at the server's control port, or at a tunnel's public port. */
enum { SPORE_ACL_AT_CONTROL = 1, SPORE_ACL_AT_PUBLIC = 2 };

typedef struct spore_acl_query {
	uint32_t struct_size;
	uint32_t point; /* SPORE_ACL_AT_* */
	const spore_addr *peer, *local;
	spore_str identity; /* AT_PUBLIC: the identity of the tunnel's owner; else empty */
} spore_acl_query;
SPORE_GROWABLE(spore_acl_query, identity);

typedef struct spore_acl_ops {
	uint32_t struct_size;
	uint32_t flags; /* 0 */
	/* Called once per accepted connection. It should make no system call, allocate nothing and
	 * take no lock. Returns SPORE_ALLOW, SPORE_DENY or SPORE_NEXT. Any other value denies and
	 * is logged. [worker] */
	int32_t (*check)(void *state, const spore_acl_query *);
} spore_acl_ops;
SPORE_GROWABLE(spore_acl_ops, check);

#ifdef __cplusplus
}
#endif
#endif
