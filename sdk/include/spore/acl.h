/* spore/acl.h - access control, when a connection is accepted.
 * SPDX-License-Identifier: MIT
 *
 * The host asks the instances of a chain in order. ALLOW and DENY end the chain, NEXT goes on to
 * the next instance, and NEXT from the last instance allows. The host counts and limits
 * connections; an ACL does not.
 *
 * The host asks a chain when it accepts a connection. At the control port, the connection's
 * transports open after that. If a transport then tells another address of the peer, the host asks
 * the whole chain again. If a transport has SPORE_TRANSPORTF_TELLS_PEER, the host asks about the
 * address that it tells only, and not about that of the socket. When all transports are open and an
 * instance of the chain has SPORE_ACLF_CONN, the host asks the chain once more, now with
 * spore_acl_query.conn.
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
	/* For host->conn_attr(). NULL before the transports have opened. Always NULL AT_PUBLIC,
	 * since visitors have no transports. */
	const spore_conn *conn;
} spore_acl_query;
SPORE_GROWABLE(spore_acl_query, conn);

#define SPORE_ACL_REASON_SIZE 128

/* What check() can say besides its verdict. Before each call, the host sets struct_size to the size
 * of its struct and zeroes the rest. */
typedef struct spore_acl_result {
	uint32_t struct_size;
	uint32_t reserved;
	/* ALLOW or NEXT, AT_PUBLIC: how many bytes per second the connection may move, in each
	 * direction; 0: no limit. If several instances of the chain set it, the lowest rate
	 * counts. */
	uint64_t rate;
	/* DENY: why, for the operator's log and metrics, such as "10.1.0.0/16"; NUL-terminated
	 * UTF-8. Choose texts of few different values: the metrics count the first 15 texts of an
	 * instance separately, and all others as "other". */
	char reason[SPORE_ACL_REASON_SIZE];
} spore_acl_result;
SPORE_GROWABLE(spore_acl_result, reason);

/* SPORE_ACLF_CONN: check() also judges what transports know about a connection to the control port,
 * such as its certificate. It should return NEXT while `conn` is NULL. */
enum { SPORE_ACLF_CONN = 1 };

typedef struct spore_acl_ops {
	uint32_t struct_size;
	uint32_t flags; /* SPORE_ACLF_* */
	/* Called for each accepted connection. It should make no system call, allocate nothing and
	 * take no lock. Returns SPORE_ALLOW, SPORE_DENY or SPORE_NEXT. Any other value denies and
	 * is logged. [worker] */
	int32_t (*check)(void *state, const spore_acl_query *, spore_acl_result *out);
	/* Returns 1 if check() never returns NEXT, else 0. The host asks when it has created the
	 * instance. It warns of each instance behind this one in the chain, since it will never
	 * ask that one. Optional; the default is 0. [main] */
	int32_t (*decides_all)(void *instance);
	/* Returns 1 if check() never returns NEXT AT_PUBLIC when the tunnel's owner has this
	 * identity, else 0. The host asks about the identities that an instance behind this one
	 * names in options with SPORE_OPTF_IDENTITY. If instances in front decide about all of
	 * them, it warns of the one behind. Optional; the default is decides_all(). [main] */
	int32_t (*decides_all_of)(void *instance, spore_str identity);
} spore_acl_ops;
SPORE_GROWABLE(spore_acl_ops, decides_all_of);

#ifdef __cplusplus
}
#endif
#endif
