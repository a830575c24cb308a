/* session - the control connection of one tunnel at the client, from the first attempt to the last.
 *
 * A tunnel has two sessions. One of them is enough, until its server says that it is leaving. Then
 * the other one, its twin, looks for a server that takes the tunnel over, while the first still
 * gets visitors. When the twin stands, or finds another server but not the port, the first says
 * Moved. [worker]: the client's first one. */
#ifndef CORE_CLIENT_SESSION_H
#define CORE_CLIENT_SESSION_H

#include <ev.h>

#include "carry/decline.h"
#include "carry/uplink.h"
#include "client/respite.h"
#include "client/spread.h"
#include "link/pulse.h"
#include "log/pace.h"
#include "way/exit.h"
#include "way/retry.h"

struct client_settings;
struct health;
struct client_tunnel;
struct homes;
struct tunnel_settings;

/*
 *   IDLE
 *    │ start
 *    ▼       turn             ready                  Hello
 *   WAITING ──────▶ CONNECTING ─────▶ AWAITING_HELLO ─────▶ STANDING
 *    ▲                  │ failed           │ Error, end,       │ end, silence,
 *    │ timer, moot      │                  │ late              │ kick
 *    │                  └──────────────────┼───────────────────┘
 *    │                                     ▼
 *    │                              a loss: may another
 *   PAUSED ◀──────── yes ───────────  attempt help? ─── no ──▶ OVER
 *
 * A tunnel that has never stood, and that the operator does not want to be tried again, is tried
 * again all the same as long as another tunnel of the client lives: it depends on the others.
 *
 * While no server has let the client in, one session at a time tries, and those in WAITING share
 * its loss. So a wrong secret costs one try, however many tunnels there are.
 *
 * Of several servers, each is tried once before the tunnel pauses. The twin also tries, from time
 * to time, whether the first server takes the tunnel back; one failure ends that.
 *
 * While the twin is at work, a loss leads to IDLE, and so does a loss of the twin that is final.
 * While the service is down, a tunnel whose port is to be closed, but whose server reads no Ready,
 * is HELD. It then goes on in WAITING, and asks for the same port.
 *
 * Moved leads from STANDING to PARTING, and from there the end of the connection to IDLE.
 * session_stop leads from every state to OVER. A table in session.c says what a session holds in
 * each state: its turn, the connection, a deadline, a place among the standing tunnels. */
enum session_state {
	SESSION_IDLE,           /* not started */
	SESSION_WAITING,        /* for its turn, while many tunnels are being opened */
	SESSION_CONNECTING,     /* the uplink is not ready yet */
	SESSION_AWAITING_HELLO, /* the client has said Hello */
	SESSION_STANDING,       /* the server has said Hello: it announces visitors */
	SESSION_PARTING,        /* the client has said Moved: the last visitors are announced */
	SESSION_PAUSED,         /* until the next attempt */
	SESSION_HELD,           /* until the service is up: the server cannot close the port */
	SESSION_OVER,           /* for good */
	SESSION_STATES
};

enum { SESSION_WHY_SIZE = 240 };

struct session {
	/* Set by the owner before session_init; borrowed. */
	struct client_worker *worker;
	struct client_tunnel *owner;          /* NULL: nobody asks */
	const struct tunnel_settings *tunnel; /* session_use replaces it */
	struct spread spread;
	struct decliner *decliner; /* of the tunnel */
	struct session *twin;
	const struct health *health; /* of the service */
	/* The tunnel may stand now, or no more, or the session begins a pause of its own. */
	void (*on_news)(struct session *session);
	/* The tunnel is over, and not because of session_stop. */
	void (*on_over)(struct session *session, enum client_exit status);

	/* Nobody else sets these. */
	enum session_state state;
	uint32_t series;   /* of the metrics: client_stats_tunnel */
	bool is_left;      /* its server is leaving, and the twin looks for another one */
	bool is_returning; /* the twin tries whether the first server takes the tunnel back */
	unsigned refusals; /* of the port, by the first server, which was to take the tunnel back */
	bool hops;         /* the pause is only until the next server of the list is tried */
	unsigned n_tried;  /* servers that did not take the tunnel, since one last did */
	struct uuid ticket; /* for its port at the server `ticket_from`; all bytes 0: none */
	unsigned ticket_from;
	unsigned ticket_losses; /* connections that ended without an answer to it */
	unsigned announced;     /* 1 + the index of the server that was announced; 0: none was */
	bool depends;           /* tried again only as long as another tunnel lives */
	bool is_near;           /* the last attempt was at a server on this machine */
	bool is_outdated;       /* the attempt began before the last reload */
	unsigned wants;         /* MESSAGE_WANTS_*: what the server was last asked for */
	struct retry retry;
	struct turn turn;
	struct uplink uplink;
	ev_timer pause;
	double pause_s;
	struct server_place asked_by; /* who has asked for the pause; of family 0: none */
	struct respite respite;
	struct pulse pulse;      /* runs once the server has asked for heartbeats */
	struct deadline silence; /* of the server */
	struct deadline probe;   /* of its answer, after the way to it may have changed */
	int64_t probed_ms;
	int64_t stands_since_ms; /* while it does */
	int64_t lost_ms;         /* when the last attempt failed or the tunnel was lost; 0: never */
	char lost_why[SESSION_WHY_SIZE];
	/* Why the server refuses visitors; refused_ms 0: it has not said that it does. */
	int64_t refused_ms;
	char refused_why[SESSION_WHY_SIZE];
	struct pace refused_pace;
	bool reads_claim; /* the server reads Claim */
	bool is_extended; /* the server has answered Extend */
	/* The server reads Ready. If so: it was told that the service is down, and whether the port
	 * is to be closed meanwhile. */
	bool reads_ready, told_down, told_close;
	bool has_noted_unknown; /* the log says that visitors' addresses are not known */
	bool is_shared;         /* the server shares the port with other clients */
};

/* settings: of the configuration that the session begins with. [any] */
void session_init(struct session *session, const struct client_settings *settings);
void session_start(struct session *session);
/* The tunnel has these settings from now on, which ask for the same port and say the same to the
 * server. */
void session_use(struct session *session, const struct tunnel_settings *tunnel);
/* Has the tunnel a connection to the server on which visitors are announced, or is it tried again
 * whatever other tunnels do? */
bool session_lives(const struct session *session);
/* "open", "connecting", "waiting to try again" or "ended": what an operator is told. */
const char *session_state_name(const struct session *session);
/* Idempotent. */
void session_stop(struct session *session);
/* The client ends. As session_stop, but a tunnel that shares its port first leaves the share: the
 * server gives the visitors that this client has not taken to others. */
void session_leave(struct session *session);
/* The service went up or down, or was found down again. */
void session_heed_service(struct session *session);
/* If the tunnel stands, and at another server than the first one, looks whether that one takes it.
 * True: it does look. */
bool session_return(struct session *session);
/* No other tunnel lives any more: a session that depends on them is over. */
void session_give_up(struct session *session);

/* The way to the server may have changed. If this machine does not have the address of the
 * session's connection any more, the tunnel is tried again at once. An open connection is probed
 * otherwise. A pause ends, unless a server has asked for it. homes: of this moment.
 * A server on this machine is not concerned. */
void session_look(struct session *session, struct homes *homes);

/* For the client's turns: this one has come. */
void session_on_turn(struct turn *turn);
/* For the worker's list of silences. A server that has sent nothing for so long is gone. Heartbeats
 * come every 500 ms from bore's server, and every 9 s from ours. */
enum { SESSION_SILENCE_MS = 15000 };
void session_on_silence(struct deadline *deadline);
/* For the worker's list of probes. */
enum { SESSION_PROBE_MS = 2000 };
void session_on_probe(struct deadline *deadline);

#endif
