/* session - a tunnel's control connection, on the client's first worker: Hello, then the server's
 * heartbeats and the visitors that it announces. [worker] */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "client/client.h"
#include "client/uplink.h"

struct ahead_pool;
struct tunnel_settings;

struct session {
	struct uplink uplink;
	struct turn turn;                     /* to be set up */
	const struct tunnel_settings *tunnel; /* borrowed from the config */
	struct client_worker *workers; /* among which visitors are spread; the first is ours */
	struct ahead_pool *pools;      /* of this tunnel; one for each of them */
	unsigned n_workers;
	size_t n_sessions; /* of this client */
	bool standing;     /* the server has said Hello */
	uint16_t port;     /* public; the last one once it is lost; 0: none yet */
	unsigned failures; /* since it last stood */
	unsigned refusals; /* of the port, of them */
	ev_timer again;    /* the next try */
	ev_timer pulse;    /* our heartbeats, once the server has said that it understands them */
	struct deadline silence; /* the server's, while the tunnel stands */
	unsigned ahead;          /* connections that it lets us open ahead */
	bool over;
	/* It has ended for good. */
	void (*on_over)(struct session *session, enum client_exit status);
};

/* Filled as far as `on_over`, zeroed otherwise. */
void session_init(struct session *session);
void session_start(struct session *session);
/* One that has waited for its turn. */
void session_start_turn(struct turn *turn);
void session_stop(struct session *session);

/* A server that has said nothing for so long is gone. bore's sends a heartbeat every 500 ms, ours
 * one every 9 s. */
enum { SESSION_SILENCE_MS = 15000 };
void session_on_silence(struct deadline *deadline);

#endif
