/* failure - why a client does not carry a visitor: the cause that is counted, the text of the
 * visitor's line, and what the server is told. [worker] */
#ifndef CORE_CARRY_FAILURE_H
#define CORE_CARRY_FAILURE_H

#include "carry/stats.h"
#include "net/shortage.h"

struct ahead_pool;
struct declined;

extern const struct net_failure failure_no_memory;

/* Counts the failure, and declines the visitor. cause: what is counted, unless this machine lacks
 * something (declined->lacks). pool: of the visitor's tunnel. */
void failure_decline(const struct ahead_pool *pool, enum client_failure cause,
                     const struct declined *declined);
/* The reason in the visitor's own line. otherwise: the reason if this machine lacks nothing.
 * Static. */
const char *failure_text(enum shortage lacks, const char *otherwise);

#endif
