/* spread - spreads the work of one tunnel over the workers: its visitors, and the connections that
 * are opened ahead. [worker]: the tunnel's. */
#ifndef CORE_CLIENT_SPREAD_H
#define CORE_CLIENT_SPREAD_H

#include <stdbool.h>

struct ahead_grant;
struct ahead_pool;
struct announced;
struct uuid;

struct spread {
	struct ahead_pool *pools; /* borrowed; one per worker, the tunnel's own worker first */
	unsigned n_workers;
	bool has_grant; /* the pools have one */
};

/* Hands an announced visitor to a worker. Declines it if memory is out; and, if the server reads
 * that, when the client carries as many as its descriptors allow. */
void spread_visitor(const struct spread *spread, const struct announced *visitor);
/* Keeps connections open ahead, shared out among the workers. None: closes the idle ones. */
void spread_ahead(struct spread *spread, const struct ahead_grant *grant);

#endif
