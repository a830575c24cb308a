/* spore/events.h - listeners that are told what happens: tunnels, visitors, clients, reloads.
 * SPDX-License-Identifier: MIT
 *
 * The host copies each event into a queue of the instance and delivers it on a thread of the
 * instance's pool, so a listener may block. It delays nothing but its own events. When the queue
 * is full, the host drops new events, counts them (the metric spore_events_dropped_total) and tells
 * the listener how many it has missed. The operator sets the length of the queue (the key "queue"
 * of the instance).
 *
 * A listener gets the events of one visitor, tunnel or client in their order. Every visitor that
 * was accepted ends once: SPORE_EVENT_VISITOR_ACCEPTED is followed by SPORE_EVENT_VISITOR_ENDED.
 * On a reload the instance that is replaced gets the events up to the reload, and its successor
 * the later ones; for a moment both may be called at the same time.
 */
#ifndef SPORE_EVENTS_H
#define SPORE_EVENTS_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Later minor versions may add types. Ignore a type that you do not know. */
enum {
	SPORE_EVENT_TUNNEL_OPENED = 1,
	SPORE_EVENT_TUNNEL_CLOSED = 2, /* its visitors may stay until they end */
	/* Let in at a public port. The visitor now waits for the client. */
	SPORE_EVENT_VISITOR_ACCEPTED = 3,
	SPORE_EVENT_VISITOR_REFUSED = 4, /* not let in */
	SPORE_EVENT_VISITOR_ENDED = 5,   /* after it was accepted, with or without a client */
	/* The auth chain has let in a client that wants a tunnel. */
	SPORE_EVENT_CLIENT_ALLOWED = 6,
	SPORE_EVENT_CLIENT_REFUSED = 7, /* a connection to the control port was turned away */
	/* A reload of the configuration was successful or refused. */
	SPORE_EVENT_RELOADED = 8
};

/* What has happened. A text that does not apply is empty, and a number is 0. The texts are valid
 * UTF-8 or not, as the peer has sent them, and may contain any byte: escape them. */
typedef struct spore_event {
	uint32_t struct_size;
	uint32_t type;   /* SPORE_EVENT_* */
	int64_t wall_ms; /* when it happened, in milliseconds since 1970 */
	/* VISITOR_*: of the visitor. TUNNEL_*, CLIENT_*: of the client. RELOADED: family 0. */
	spore_addr peer;
	/* TUNNEL_*, VISITOR_*: the tunnel's id, which `spore ctl tunnels` shows. No id is given
	 * twice while the process runs. 0: no tunnel was found for the visitor. */
	uint64_t tunnel;
	/* TUNNEL_*: the tunnel's public port. VISITOR_*: the public port at which the visitor has
	 * come, which several tunnels may share. CLIENT_REFUSED: the port that the client wanted,
	 * if it had asked for one. */
	uint32_t port;
	uint32_t reserved;
	/* TUNNEL_CLOSED, VISITOR_ENDED: bytes from visitors to the client, and back. For a tunnel,
	 * connections that are still open are counted up to about a second ago. */
	uint64_t bytes_up, bytes_down;
	uint64_t visitors;   /* TUNNEL_CLOSED: how many it has had */
	int64_t duration_ms; /* TUNNEL_CLOSED, VISITOR_ENDED: since it was opened or accepted */
	/* Who owns the tunnel, or was let in, as the auth instance named it. */
	spore_str identity;
	spore_str name;    /* TUNNEL_*, CLIENT_REFUSED: what the client calls its tunnel: a claim */
	spore_str visitor; /* VISITOR_ACCEPTED, _ENDED: the visitor's id, the same in both events */
	/* Why, as one word of [a-z_] that does not change between versions, such as "wrong_secret".
	 * TUNNEL_CLOSED, VISITOR_REFUSED, VISITOR_ENDED, CLIENT_REFUSED. RELOADED: "done", or
	 * "refused" if the old configuration stays. */
	spore_str reason;
	/* The instance that has decided: the auth instance that allowed or denied, or the access
	 * list that denied. */
	spore_str plugin;
	/* More about the reason: what an access list, a transport or a reload says. */
	spore_str detail;
} spore_event;
SPORE_GROWABLE(spore_event, detail);

typedef struct spore_event_batch {
	uint32_t struct_size;
	uint32_t n;                       /* of `events`; at least 1 */
	const spore_event *const *events; /* the oldest first */
	/* How many events were dropped in front of the first of `events`, because the queue was
	 * full. */
	uint64_t dropped;
} spore_event_batch;
SPORE_GROWABLE(spore_event_batch, dropped);

typedef struct spore_events_ops {
	uint32_t struct_size;
	uint32_t flags; /* 0 */
	/* Takes some events, with the instance itself, never a worker's state. The batch is valid
	 * until it returns. The host calls it for one batch after the other and never twice at a
	 * time. It may block, but the host cannot stop the instance before it returns: after
	 * worker_drain() it should return soon. At the end of the process the host waits only for a
	 * while. [blocking] */
	void (*take)(void *instance, const spore_event_batch *batch);
} spore_events_ops;
SPORE_GROWABLE(spore_events_ops, take);

#ifdef __cplusplus
}
#endif
#endif
