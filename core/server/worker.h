/* worker - one worker's part of the server: its listener, sessions, tunnels and relays. Internal to
 * server/. [worker] */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include <ev.h>
#include <stdatomic.h>

#include "chain/plugin_set.h"
#include "link/linger.h"
#include "loop/deadline.h"
#include "quota/account.h"
#include "quota/ahead.h"
#include "quota/gate.h"
#include "quota/limits.h"
#include "quota/stats.h"
#include "quota/strangers.h"
#include "relay/relay.h"

struct pending;
struct listener;

/* How often a client of ours is to be heard. One that has not been for twice as long is gone,
 * however alive its kernel is. */
enum { WORKER_PULSE_MS = 4000, WORKER_SILENCE_MS = 8000 };

/* Shared by the workers; each part says how it may be touched. */
struct server_shared {
	struct pending *pending;           /* [any] */
	struct gate gate;                  /* [any]; of those who are pending */
	struct principal_table principals; /* [any] */
	struct source_table *sources;      /* [any] */
	atomic_uint strangers;             /* [any] */
	struct stats stats;                /* read-only; counting is [worker] */
	struct ahead_table ahead;          /* [any] */
	atomic_bool draining;
	atomic_uint_fast64_t last_id;
};

struct worker {
	struct server_shared *shared;
	struct plugin_set *set; /* ref; what new connections begin with */
	struct limits limits;   /* of the same configuration; replaced with the set */
	struct loop *loop;
	struct listener *listener;      /* owned; NULL once closed */
	struct list sessions;           /* of struct control */
	struct stranger_list strangers; /* of them, those that are not known yet */
	struct list tunnels;            /* of struct tunnel */
	struct deadline_list first_frame, next_frame, silence;
	struct deadline_list waiting; /* of connections opened ahead */
	struct linger_list lingerers;
	struct relay_set relays;
	ev_timer heartbeat;
	unsigned beats; /* how often it went off */
};

/* What is told to each worker when it opens. */
struct worker_terms {
	struct plugin_set *set;      /* the worker takes a reference */
	const struct limits *limits; /* of the set's configuration; copied */
	int listen_fd;               /* its socket on the control port, taken; -1: as it is */
};

/* False: out of memory. */
bool worker_open(struct worker *worker, struct server_shared *shared, struct loop *loop,
                 const struct worker_terms *terms);
/* From now on by these terms; tunnels are judged anew. */
void worker_renew(struct worker *worker, const struct worker_terms *terms);
/* Closes the public ports. */
void worker_drain(struct worker *worker);
/* Closes the control port; sessions go on. */
void worker_stop_listening(struct worker *worker);
void worker_close(struct worker *worker);

/* By which an operator knows a tunnel or a visitor that is carried; never given twice. [any] */
static inline uint64_t server_new_id(struct server_shared *shared)
{
	return atomic_fetch_add_explicit(&shared->last_id, 1, memory_order_relaxed) + 1;
}

static inline const struct server_settings *worker_settings(const struct worker *worker)
{
	return &worker->set->config->settings.server;
}

static inline const struct limits *worker_limits(const struct worker *worker)
{
	return &worker->limits;
}

#endif
