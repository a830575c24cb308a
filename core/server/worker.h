/* worker - one worker's part of the server: its listener, sessions, tunnels and relays. Internal to
 * server/. [worker] */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include <ev.h>
#include <stdatomic.h>

#include "link/linger.h"
#include "link/plugin_set.h"
#include "loop/deadline.h"
#include "relay/relay.h"
#include "server/account.h"
#include "server/gate.h"
#include "server/stats.h"
#include "server/strangers.h"

struct pending;
struct listener;

/* How often a client of ours is to be heard. One that has not been for three times as long, and a
 * little, is gone, however alive its kernel is. */
enum { WORKER_PULSE_MS = 2000, WORKER_SILENCE_MS = 6500 };

/* Shared by the workers; each part says how it may be touched. */
struct server_shared {
	const struct plugin_set *set;           /* read-only */
	const struct server_settings *settings; /* read-only */
	const struct limit_settings *limits;    /* read-only */
	struct pending *pending;                /* [any] */
	struct gate gate;                       /* [any]; of those who are pending */
	struct principal_table principals;      /* [any] */
	struct source_table *sources;           /* [any] */
	unsigned max_strangers, max_pipes;      /* on each worker */
	struct stats stats;                     /* read-only; counting is [worker] */
	atomic_bool draining;
};

struct worker {
	struct server_shared *shared;
	struct loop *loop;
	struct listener *listener;      /* owned; NULL once closed */
	struct list sessions;           /* of struct control */
	struct stranger_list strangers; /* of them, those that are not known yet */
	struct list tunnels;            /* of struct tunnel */
	struct deadline_list first_frame, next_frame, silence;
	struct linger_list lingerers;
	struct relay_set relays;
	ev_timer heartbeat;
};

/* listen_fd: this worker's socket on the control port, taken. False: out of memory. */
bool worker_open(struct worker *worker, struct server_shared *shared, struct loop *loop, int listen_fd);
/* Closes the public ports. */
void worker_drain(struct worker *worker);
/* Closes the control port; sessions go on. */
void worker_stop_listening(struct worker *worker);
void worker_close(struct worker *worker);

#endif
