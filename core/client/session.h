/* session - the control connection of one tunnel at the client, from the first attempt to the last.
 * [worker]: the client's first one. */
#ifndef CORE_CLIENT_SESSION_H
#define CORE_CLIENT_SESSION_H

#include <ev.h>

#include "client/exit.h"
#include "client/pulse.h"
#include "client/retry.h"
#include "client/spread.h"
#include "client/uplink.h"

struct tunnel_settings;

/*
 *   IDLE
 *    │ start
 *    ▼       turn             ready                  Hello
 *   WAITING ──────▶ CONNECTING ─────▶ AWAITING_HELLO ─────▶ STANDING
 *    ▲                  │ failed           │ Error, end,       │ end, silence,
 *    │ timer            │                  │ late              │ kick
 *    │                  └──────────────────┼───────────────────┘
 *    │                                     ▼
 *    │                              a loss: may another
 *   PAUSED ◀──────── yes ───────────  attempt help? ─── no ──▶ OVER
 *
 * session_stop leads from every state to OVER. A table in session.c says what a session holds in
 * each state: its turn, the connection, a deadline, a place among the standing tunnels. */
enum session_state {
	SESSION_IDLE,           /* not started */
	SESSION_WAITING,        /* for its turn, while many tunnels are being opened */
	SESSION_CONNECTING,     /* the uplink is not ready yet */
	SESSION_AWAITING_HELLO, /* the client has said Hello */
	SESSION_STANDING,       /* the server has said Hello: it announces visitors */
	SESSION_PAUSED,         /* until the next attempt */
	SESSION_OVER,           /* for good */
	SESSION_STATES
};

struct session {
	/* Set by the owner before session_init; borrowed. */
	struct client_worker *worker;
	const struct tunnel_settings *tunnel;
	struct spread spread;
	/* The session is over, and not because of session_stop. */
	void (*on_over)(struct session *session, enum client_exit status);

	/* Its own. */
	enum session_state state;
	struct retry retry;
	struct turn turn;
	struct uplink uplink;
	ev_timer pause;
	double pause_s;
	struct pulse pulse;      /* runs once the server has asked for heartbeats */
	struct deadline silence; /* of the server */
};

void session_init(struct session *session);
void session_start(struct session *session);
/* Idempotent. */
void session_stop(struct session *session);

/* For the client's turns: this one has come. */
void session_on_turn(struct turn *turn);
/* For the worker's list of silences. A server that has sent nothing for so long is gone. Heartbeats
 * come every 500 ms from bore's server, and every 9 s from ours. */
enum { SESSION_SILENCE_MS = 15000 };
void session_on_silence(struct deadline *deadline);

#endif
