/* shared - what the workers of a client have in common. Internal to client/. */
#ifndef CORE_SHARED_H
#define CORE_SHARED_H

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
	size_t standing;                        /* tunnels that stand; [worker] 0 alone */
	atomic_uint carried;                    /* visitors being set up or carried, all workers */
};

/* One worker's part. [worker], but for `load`. */
struct client_worker {
	struct client *client; /* borrowed: its owner */
	struct client_shared *shared;
	struct loop *loop;
	struct deadline_list answers; /* what the server must say in time */
	struct deadline_list silence; /* of the server; [worker] 0 alone */
	struct linger_list lingerers;
	struct relay_set relays;
	struct list proxies;            /* of struct proxy: being set up */
	struct list waiting;            /* of struct proxy: for their turn */
	struct loop_task start_waiting; /* when one has come through */
	unsigned n_dialling, n_waiting, max_dialling;
	unsigned max_carried;  /* dialling or in a relay: what the descriptors allow */
	unsigned max_pipes;    /* likewise */
	unsigned max_lingerers;
	int64_t complained_ms; /* about dropped visitors, last */
	atomic_uint load;      /* [any] visitors here: where the next one goes */
};

#endif
