/* acl - asks a chain of access lists about an address. [worker] */
#ifndef CORE_ACL_H
#define CORE_ACL_H

#include <spore/acl.h>

#include "chain/plugin_set.h"

/* point: SPORE_ACL_AT_*; identity: the tunnel's owner, or "". An empty chain allows. */
bool acl_allows(const struct chain *chain, const struct loop *loop, uint32_t point,
                const spore_addr *peer, const spore_addr *local, const char *identity);

#endif
