/* context - what the sessions of one worker share, and what all workers of one server share.
 *
 * Plain data, so that the sessions and the server above them can reach it. server/server_worker
 * opens and closes a worker, server/server what the workers share. */
#ifndef CORE_CONTEXT_H
#define CORE_CONTEXT_H

#include <ev.h>
#include <stdatomic.h>

#include "base/uuid.h"
#include "chain/plugin_set.h"
#include "keep/elders.h"
#include "keep/keeper.h"
#include "keep/kept_ports.h"
#include "link/linger.h"
#include "log/repeats.h"
#include "loop/deadline.h"
#include "quota/account.h"
#include "quota/ahead.h"
#include "quota/gate.h"
#include "quota/limits.h"
#include "quota/stats.h"
#include "quota/strangers.h"
#include "relay/relay.h"
#include "review/barred.h"
#include "review/review.h"
#include "share/share.h"
#include "usage/refusing.h"

struct announcer;
struct link;
struct listener;
struct names;
struct pending;
struct visitor;

/* A Spore client is asked for a heartbeat at least every SERVER_PULSE_MS. A client that has sent
 * nothing for SERVER_SILENCE_MS is gone, even if its kernel still answers. */
enum { SERVER_PULSE_MS = 4000, SERVER_SILENCE_MS = 8000 };

/* What an open tunnel offers to the workers that have a visitor for its client: account_announcer.
 * [worker] of the tunnel */
struct announcer_calls {
	/* A visitor has come to the tunnel's port, at this address. Takes the descriptor. */
	void (*visit)(struct announcer *announcer, int fd, const spore_addr *peer,
	              const spore_addr *local);
	/* A visitor that was counted comes from another tunnel of the share. Takes it. */
	void (*receive)(struct announcer *announcer, struct visitor *visitor);
};

struct announcer {
	const struct announcer_calls *calls;
	struct link *link;    /* borrowed; the control connection */
	bool tells_addresses; /* of visitors: the client reads Visitor */
	bool tells_refusing;  /* the client reads Refusing */
	struct refusing refusing;
};

/* Shared by the workers. The note at each member says which threads may touch it. */
struct server_shared {
	struct pending *pending;           /* [any] */
	struct gate gate;                  /* [any]; limits the visitors in `pending` */
	struct principal_table principals; /* [any] */
	struct share_table shares;         /* [any] */
	struct source_table *sources;      /* [any] */
	struct names *names;               /* [any]; the host names of tunnels */
	atomic_uint strangers;             /* [any]; unauthenticated sessions */
	atomic_uint handshakes;            /* [any]; visitors, until they wait: session/arrival */
	atomic_uint offered;               /* [any]; visitors on their way by Open: session/offer */
	struct stats stats;                /* read-only; counting is [worker] */
	struct ahead_table ahead;          /* [any] */
	struct repeats strange_lines;      /* [any]; of the log: session/refuse */
	struct repeats tunnel_lines;       /* [any]; of the log: session/refuse */
	struct repeats visitor_lines;      /* [any]; of the log: session/refuse */
	struct barred barred;              /* [any]; by the last reload */
	unsigned n_workers;                /* read-only */
	struct keeper *keeper;             /* read-only; NULL: nobody ever keeps public ports */
	struct kept_ports kept_ports;      /* [any] */
	struct elders elders;              /* [any]; none: no server before this one lives */
	/* [any]; the next process sends back the data connections of clients that stay here */
	atomic_bool may_stay;
	atomic_uint stayers; /* [any]; tunnels of such clients, whose ports are open */
	atomic_bool draining;
	atomic_bool has_left; /* the next server has the visitors that are parked */
	atomic_uint leavers;  /* [any]; tunnels with an open port that are to move elsewhere */
	atomic_int_fast64_t leave_within_ms; /* over which they are asked to; 0: all at once */
	/* [any]; of session/group: how often a visitor may have left a tunnel for another one */
	atomic_uint passes_begun, passes_ended;
	/* read-only; until then (clock_ms) clients of the server before this one may yet come, so a
	 * visitor waits for a tunnel whose host name nobody has */
	int64_t await_until_ms;
	atomic_uint_fast64_t last_id;
};

/* A session is in the list of its state: see session/server_session. */
enum session_list { LIST_NEWCOMERS, LIST_WAITING, LIST_TUNNELS, SESSION_LISTS };

struct session_list_head {
	struct list all; /* of struct server_session */
	unsigned count;
};

/* How long a state may last. */
enum session_deadline {
	DEADLINE_FIRST_FRAME,
	DEADLINE_NEXT_FRAME,
	DEADLINE_VERDICT,
	DEADLINE_WAITING,
	DEADLINE_OFFER,
	DEADLINE_DOUBT,
	DEADLINES
};

/* One worker of the server. [worker] */
struct server_worker {
	struct server_shared *shared;
	struct plugin_set *set; /* ref; new connections begin with it */
	struct limits limits;   /* of the same configuration; replaced with the set */
	unsigned renewals;      /* how often that has happened */
	struct loop *loop;
	struct uuid_stock uuids;   /* for visitors */
	struct listener *listener; /* owned; NULL once closed */
	struct list choosers;      /* choose/chooser: of routed ports */
	bool has_given;            /* another process accepts there */
	int *parked;               /* owned; sockets: choose/chooser */
	unsigned n_parked;
	struct session_list_head sessions[SESSION_LISTS]; /* session/server_session */
	struct deadline_list deadlines[DEADLINES];        /* session/server_session */
	struct deadline_list silence;                     /* of tunnels: session/tunnel_session */
	struct deadline_list arrivals;                    /* of visitors: session/arrival */
	struct review_queue reviews;                      /* session/tunnel_session */
	struct stranger_list strangers; /* those of the sessions that are not authenticated */
	struct list groups;             /* of struct group: session/group */
	struct list group_arrivals;     /* visitors at shared ports, whose transports open */
	struct linger_list lingerers;
	struct relay_set relays;
	ev_timer heartbeat;
	unsigned beats; /* how often the heartbeat timer has fired */
};

/* An id by which an operator names a tunnel or a relay. No id is given twice. [any] */
static inline uint64_t server_new_id(struct server_shared *shared)
{
	return atomic_fetch_add_explicit(&shared->last_id, 1, memory_order_relaxed) + 1;
}

static inline const struct server_settings *server_worker_settings(
	const struct server_worker *worker)
{
	return &worker->set->config->settings.server;
}

/* Does the log get a line for each visitor? */
static inline bool server_worker_logs_visitors(const struct server_worker *worker)
{
	return worker->set->config->settings.log.visitors;
}

static inline const struct limits *server_worker_limits(const struct server_worker *worker)
{
	return &worker->limits;
}

#endif
