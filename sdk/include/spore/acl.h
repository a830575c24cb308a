/* spore/acl.h - decisions about addresses, at accept().
 * SPDX-License-Identifier: MIT
 *
 * Instances of a chain are asked in order; ALLOW and DENY end it, NEXT passes on, and NEXT from the
 * last one allows. Counting connections is the host's work, not an ACL's.
 */
#ifndef SPORE_ACL_H
#define SPORE_ACL_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SPORE_ACL_AT_CONTROL = 1, SPORE_ACL_AT_PUBLIC = 2 };   /* our port; a tunnel's port */

typedef struct spore_acl_query {
	uint32_t struct_size;
	uint32_t point;                  /* SPORE_ACL_AT_* */
	const spore_addr *peer, *local;
	spore_str identity;              /* owner of the tunnel at AT_PUBLIC, else empty */
} spore_acl_query;
SPORE_GROWABLE(spore_acl_query, identity);

typedef struct spore_acl_ops {
	uint32_t struct_size;
	uint32_t flags;                  /* 0 */
	/* Once per accepted connection: no system call, no allocation, no lock, O(address bits).
	 * SPORE_ALLOW, SPORE_DENY or SPORE_NEXT; anything else denies and is logged. [worker] */
	int32_t (*check)(void *state, const spore_acl_query *);
} spore_acl_ops;
SPORE_GROWABLE(spore_acl_ops, check);

#ifdef __cplusplus
}
#endif
#endif
