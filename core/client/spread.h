/* spread - spreads the work of one tunnel over the workers: its visitors, and the connections that
 * are opened ahead. [worker]: the tunnel's. */
#ifndef CORE_CLIENT_SPREAD_H
#define CORE_CLIENT_SPREAD_H

struct ahead_pool;
struct uuid;

struct spread {
	struct ahead_pool *pools; /* borrowed; one per worker, the tunnel's own worker first */
	unsigned n_workers;
	unsigned n_ahead; /* connections that are kept open ahead, on all workers */
};

/* Hands an announced visitor to a worker, or drops it when memory is out. */
void spread_visitor(const struct spread *spread, const struct uuid *id);
/* Keeps n connections open ahead, shared out among the workers. 0: closes the idle ones;
 * pass may be NULL then. */
void spread_ahead(struct spread *spread, unsigned n, const struct uuid *pass);

#endif
