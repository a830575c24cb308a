/* spore/route.h - which tunnel a visitor of a routed port gets, by the first bytes that he sends.
 * SPDX-License-Identifier: MIT
 *
 * Several tunnels may share one public port. Each of them has host names. The host looks at the
 * first bytes of a visitor, without taking them, and asks the instances of the port's chain in
 * order which name the visitor wants. NAME, NONE and DENY end the chain, NEXT goes on to the next
 * instance, and NEXT from the last instance counts as NONE. MORE ends the chain, too: when more
 * bytes have arrived, the host asks the whole chain again, with all bytes from the first one on.
 *
 * The tunnel then gets all bytes of the visitor, unchanged. The host asks about a connection until
 * the chain has decided, and never again. So a plugin decides once for each connection.
 */
#ifndef SPORE_ROUTE_H
#define SPORE_ROUTE_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What look() returns, beside SPORE_NEXT and SPORE_DENY. Like the other verdicts, they differ from
 * 0, 1 and all status codes. */
enum {
	SPORE_ROUTE_MORE = 0x5A11, /* it depends on bytes that are not there yet */
	SPORE_ROUTE_NAME = 0x5A12, /* the visitor wants the name in spore_route_result.name */
	SPORE_ROUTE_NONE = 0x5A13  /* the visitor wants no name */
};

typedef struct spore_route_query {
	uint32_t struct_size;
	/* 1: no further bytes will come. The visitor has ended his side, the time is up, or there
	 * are as many bytes as the host keeps. MORE then counts as NONE. */
	uint32_t is_end;
	/* The bytes so far, from the first one on. There may be none: the host asks for the first
	 * time when the transports of the port have opened. */
	spore_str head;
	const spore_addr *peer, *local;
	spore_str listener; /* the name of the listener in the configuration */
	/* For host->conn_attr(): what the transports of the port know about the connection, such as
	 * "tls.sni". NULL: the port has no transports. */
	const spore_conn *conn;
} spore_route_query;
SPORE_GROWABLE(spore_route_query, conn);

#define SPORE_ROUTE_NAME_SIZE   256
#define SPORE_ROUTE_REASON_SIZE 128
#define SPORE_ROUTE_REPLY_MAX   131072

/* What look() can say besides its verdict. Before each call, the host sets struct_size to the size
 * of its struct and zeroes the rest. */
typedef struct spore_route_result {
	uint32_t struct_size;
	/* MORE: how many bytes there must be before it makes sense to ask again, counted from the
	 * first byte; 0, or a number that is not above head.len: one more. */
	uint32_t need;
	/* NAME: a host name, without a port; NUL-terminated. The host compares names without
	 * case, and ignores one dot at the end. A name that cannot be a host name belongs to no
	 * tunnel. */
	char name[SPORE_ROUTE_NAME_SIZE];
	/* DENY: what is wrong with the bytes, for the operator's log; NUL-terminated UTF-8. It must
	 * not contain what the visitor has sent. */
	char reason[SPORE_ROUTE_REASON_SIZE];
	/* NAME, NONE: what the visitor is sent if no tunnel gets him, in the protocol of the bytes,
	 * such as a page. His connection then ends in order. At most SPORE_ROUTE_REPLY_MAX bytes;
	 * borrowed: valid as long as the instance. Empty: his connection is reset. */
	spore_str reply;
} spore_route_result;
SPORE_GROWABLE(spore_route_result, reply);

typedef struct spore_route_ops {
	uint32_t struct_size;
	uint32_t flags; /* 0 */
	/* Called when a visitor or his first bytes have arrived and, after MORE, each time that
	 * there are more of them. It should make no system call, allocate nothing and take no lock.
	 * It must not remember a visitor between calls, since the visitor may go away without
	 * another call, and any worker may ask about him.
	 *
	 * Return NEXT for a protocol that the instance does not know, and DENY for bytes that
	 * violate a protocol which it knows, since two programs may read such bytes differently.
	 * Any other value than those above counts as DENY and is logged. [worker] */
	int32_t (*look)(void *state, const spore_route_query *, spore_route_result *out);
} spore_route_ops;
SPORE_GROWABLE(spore_route_ops, look);

#ifdef __cplusplus
}
#endif
#endif
