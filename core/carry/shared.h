/* shared - what the workers of a client share, and what belongs to each. Internal to carry/ and
 * client/. */
#ifndef CORE_CARRY_SHARED_H
#define CORE_CARRY_SHARED_H

#include <ev.h>
#include <stdatomic.h>

#include "carry/stats.h"
#include "chain/plugin_set.h"
#include "lane/taken.h"
#include "link/linger.h"
#include "loop/deadline.h"
#include "loop/loop.h"
#include "relay/relay.h"
#include "way/exit.h"
#include "way/homes.h"
#include "way/servers.h"
#include "way/turns.h"

struct client;
struct resolver;

struct leaver {
	struct server_place place; /* with an address of family 0: none has said so */
	int64_t at_ms;
};

struct client_shared {
	struct resolver *resolver; /* [worker] */
	struct servers servers;
	struct client_stats stats; /* read-only; counting is [worker] */
	struct taken taken;        /* [any]; visitors that were handed over */
	struct turns turns;        /* of the sessions; [worker] 0 alone */
	/* The next six: [worker] 0 alone. */
	size_t n_tunnels;      /* configured */
	atomic_uint n_parting; /* [any]; sessions that wait for their last visitors */
	size_t n_standing;     /* tunnels that stand */
	size_t n_living;       /* tunnels that stand or are tried again whatever others do */
	enum client_exit first_status; /* of the first tunnel that does not live any more */
	struct list respites;    /* of struct session: they wait because a server asks for it */
	struct leaver leaver;    /* the server that has said last that it is leaving */
	atomic_uint losses;      /* of the server, by any session */
	atomic_uint carried;     /* visitors that wait, are set up or relayed, all workers */
	atomic_uint max_carried; /* as many as the descriptors allow */
};

/* What belongs to one worker. [worker], except `load`. */
struct client_worker {
	struct client *client; /* borrowed: its owner */
	struct client_shared *shared;
	struct loop *loop;
	struct plugin_set *set;            /* ref; a reload replaces it */
	struct list pools;                 /* of struct ahead_pool: of the tunnels that go on */
	struct deadline_list answers;      /* of struct uplink: what the server must say in time */
	struct deadline_list silence;      /* of struct session; [worker] 0 alone */
	struct deadline_list probes;       /* of struct session; [worker] 0 alone */
	struct deadline_list slow_answers; /* of struct proxy: to an Accept on a connection ahead */
	struct deadline_list idle_ends;    /* of struct ahead: kept for the next visitor */
	struct deadline_list holds;        /* of struct origin: Opened waits for the service */
	struct deadline_list waits;        /* of struct proxy: until there is room */
	struct linger_list lingerers;
	struct relay_set relays;
	struct list proxies;            /* of struct proxy: being set up */
	struct list waiting;            /* of struct proxy: waiting until there is room */
	struct loop_task start_waiting; /* queued when there may be room */
	unsigned n_dialling, n_waiting, max_dialling;
	unsigned n_kept; /* connections that wait for their next visitor */
	/* [any] visitors dialling or in a relay: a share of the descriptors */
	atomic_uint max_carried;
	unsigned max_pipes; /* of relays: a share of the descriptors */
	unsigned max_lingerers;
	/* The way to the server may have changed. */
	struct loop_task look;
	atomic_bool is_look_posted; /* [any] */
	struct homes homes;         /* as the last look found them */
	ev_timer late_look;         /* at the relays: runs after a look */
	bool is_closed;             /* nothing starts any more */
	/* [any] visitors of this worker; the next one goes to the worker with the lowest load */
	atomic_uint load;
};

/* Valid until the worker returns to its loop, since a reload replaces them. [worker] */
static inline const struct client_settings *client_worker_settings(
	const struct client_worker *worker)
{
	return &worker->set->config->settings.client;
}

/* Is a line wanted for each visitor? [worker] */
static inline bool client_worker_logs_visitors(const struct client_worker *worker)
{
	return worker->set->config->settings.log.visitors;
}

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
