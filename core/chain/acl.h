/* acl - asks the access lists of a chain about an address. [worker] */
#ifndef CORE_ACL_H
#define CORE_ACL_H

#include "chain/plugin_set.h"

/* id: CHAIN_ACL_*; identity: the owner of the tunnel, or "". An empty chain allows. */
bool acl_allows(const struct plugin_set *set, enum chain_id id, const struct loop *loop,
                const spore_addr *peer, const spore_addr *local, const char *identity);

#endif
