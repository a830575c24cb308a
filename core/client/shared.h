/* shared - what the workers of a client share, and what belongs to each. Internal to client/. */
#ifndef CORE_CLIENT_SHARED_H
#define CORE_CLIENT_SHARED_H

#include <stdatomic.h>

#include "chain/plugin_set.h"
#include "client/stats.h"
#include "client/turns.h"
#include "link/linger.h"
#include "loop/deadline.h"
#include "loop/loop.h"
#include "relay/relay.h"

struct client;
struct resolver;

struct client_shared {
	const struct plugin_set *set;           /* read-only */
	const struct client_settings *settings; /* read-only */
	struct resolver *resolver;              /* [worker] */
	struct client_stats stats;              /* read-only; counting is [worker] */
	struct turns turns;                     /* of the sessions; [worker] 0 alone */
	size_t n_tunnels;                       /* configured; read-only */
	size_t n_standing;                      /* of the tunnels; [worker] 0 alone */
	atomic_uint carried;                    /* visitors being set up or relayed, all workers */
};

/* What belongs to one worker. [worker], except `load`. */
struct client_worker {
	struct client *client; /* borrowed: its owner */
	struct client_shared *shared;
	struct loop *loop;
	struct deadline_list answers; /* of struct uplink: what the server must say in time */
	struct deadline_list silence; /* of struct session; [worker] 0 alone */
	struct linger_list lingerers;
	struct relay_set relays;
	struct list proxies;            /* of struct proxy: being set up */
	struct list waiting;            /* of struct proxy: waiting until there is room */
	struct loop_task start_waiting; /* queued when there may be room */
	unsigned n_dialling, n_waiting, max_dialling;
	unsigned max_carried; /* visitors dialling or in a relay: a share of the descriptors */
	unsigned max_pipes;   /* likewise */
	unsigned max_lingerers;
	int64_t complained_ms; /* when the last dropped visitor was logged */
	/* [any] visitors of this worker; the next one goes to the worker with the lowest load */
	atomic_uint load;
};

/* A visitor of this worker begins / ends. [any] */
static inline void client_worker_admit(struct client_worker *worker)
{
	atomic_fetch_add(&worker->load, 1);
	atomic_fetch_add(&worker->shared->carried, 1);
}

static inline void client_worker_release(struct client_worker *worker)
{
	atomic_fetch_sub(&worker->load, 1);
	atomic_fetch_sub(&worker->shared->carried, 1);
}

#endif
