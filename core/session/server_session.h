/* server_session - one connection to the control port: its state, and the one function that moves
 * it from state to state.
 *
 *   accept
 *     │
 *  OPENING ── Challenge ──▶ CHALLENGED ── Authenticate ──▶ ANSWERED ── About ──▶ TELLING
 *     │ ╲                                                 (next frame says        │
 *     │  ╲── no Challenge ──▶ UNCHALLENGED                 what is asked for)     │ Hello
 *     │         (first frame says what is asked for)           │                  │
 *     │                           └───────────┬────────────────┴──────────────────┘
 *     │                      ┌── Hello, none ─┴─ Accept, Ahead ──┐
 *     │                      ▼                                   ▼
 *     │                   JUDGED                             ACCEPTING
 *     │                      │ allowed               allowed,    │ ╲ allowed, after Accept
 *     │ no authentication    ▼       Ahead        after Ahead    ▼  ╲──────────────▶ JOINED
 *     └──────────────────▶ READY ───────────────────────────▶ WAITING ── Accept ──▶ JOINED
 *                            │ ╲                                 │ Open
 *                      Hello │  ╲ Accept                         ▼
 *                            │   ╲──────▶ JOINED              OFFERED ── Opened ──▶ JOINED
 *               port in use  │                                   │ late
 *         TAKING_OVER ◀──────┤                                   ▼
 *              │             ▼                                DOUBTED ── Opened ──▶ JOINED
 *              └────────▶ TUNNEL ── reload ──▶ OUTDATED ── its turn ──▶ REVIEWED
 *                            ▲                   ▲                        │   │
 *                            │                   └────── undecided ───────┘   │
 *                            └─────────────────────────── allowed ────────────┘
 *
 *   In JOINED a relay has the connection. Every other state may also become ENDED.
 *
 * A state decides in which list of its worker the session is, how long it may last, whether the
 * session still counts as a stranger, which gauge counts it, and whether its frames are delivered.
 * The static function move_session of server_session.c applies all of that. server_session_move,
 * _wait, _take_stream, _end and _finish use it; no other code changes the state.
 *
 * What a session does in its states is the job of its role: newcomer (up to READY), tunnel_session
 * (TAKING_OVER, TUNNEL, OUTDATED, REVIEWED) or data_connection (WAITING, OFFERED, DOUBTED,
 * ACCEPTING). [worker] */
#ifndef CORE_SERVER_SESSION_H
#define CORE_SERVER_SESSION_H

#include "host/revisions.h"
#include "link/link.h"
#include "net/addr.h"
#include "quota/strangers.h"
#include "session/context.h"
#include "verdict/login.h"
#include "wire/refusal.h"

struct server_session;

enum session_state {
	SESSION_OPENING,      /* the transports shake hands */
	SESSION_CHALLENGED,   /* Challenge was sent; Authenticate is awaited */
	SESSION_ANSWERED,     /* Authenticate came; the session briefly waits for the next frame */
	SESSION_TELLING,      /* the client says about itself what it wants to; Hello is awaited */
	SESSION_UNCHALLENGED, /* no plugin asks for an answer; the first frame is awaited */
	SESSION_JUDGED,       /* the chain's verdict is awaited */
	SESSION_READY,        /* nothing is left to prove; Hello or Accept is awaited */
	SESSION_WAITING,      /* opened ahead: its client has no visitor for it yet */
	SESSION_OFFERED,      /* it was handed a visitor, which the client has not taken yet */
	SESSION_DOUBTED,      /* the same, for too long: the visitor was announced, too */
	SESSION_ACCEPTING,    /* Accept or Ahead came; the verdict is awaited */
	SESSION_TAKING_OVER,  /* after Hello; an older session of this client may yield its port */
	SESSION_TUNNEL,       /* the control connection of a tunnel */
	SESSION_OUTDATED,     /* the same; a newer configuration will judge its client */
	SESSION_REVIEWED,     /* the same; the verdict of a newer configuration is awaited */
	SESSION_JOINED,       /* over: its stream belongs to a relay */
	SESSION_ENDED,        /* over */
	SESSION_STATES
};

/* What a role does. `release` gives back what the part holds; the session frees the part itself. */
struct session_role {
	void (*on_message)(struct server_session *s, const struct message *message);
	/* A frame is not a valid message: REFUSED_BAD_FRAME or REFUSED_LONG_FRAME. */
	void (*on_fault)(struct server_session *s, enum refusal why);
	/* The client has half-closed the connection (why NULL), or the connection broke. */
	void (*on_end)(struct server_session *s, const char *why);
	/* The state's deadline has passed. */
	void (*on_late)(struct server_session *s);
	/* An auth instance has changed its mind about some of its clients, perhaps about this one.
	 * NULL: no ALLOW is kept here. */
	void (*on_revision)(struct server_session *s, const struct revision *revision);
	void (*release)(struct server_session *s);
};

struct server_session {
	/* Written by server_session.c alone. */
	enum session_state state;
	struct list node;         /* in worker->sessions[] */
	struct deadline deadline; /* of the state */
	struct stranger stranger; /* in worker->strangers, while it is one */
	struct ahead_pass *pass;  /* entered, exactly while WAITING */
	struct list shelf;        /* of the pass: WAITING, and may be handed a visitor */
	const struct session_role *role;
	void *part;            /* the role's; owned, or stored directly after the session */
	struct stream *stream; /* owned; NULL once the link has it */
	struct link link;
	struct loop_task reap;
	/* SPORE_END_* of what the client was allowed, when the session ends. Set by refuse and
	 * server_sessions_end_all; else CLOSED. */
	uint32_t end_reason;
	/* Set at the start. */
	struct server_worker *worker;
	unsigned renewals;     /* the worker's at that time; its transports are of that set */
	struct source *source; /* ref */
	spore_addr peer;       /* the client's; a transport may correct it */
	/* The transports have yet to tell who the client is. Until then `source` is of a proxy. */
	bool awaits_peer;
	bool is_of_proxy;  /* a proxy speaks for itself: no client may log in */
	const char *judge; /* the auth instance that denied or could not decide; permanent */
	bool is_sent_back; /* it began at the next process (keep/elders) */
	bool is_denied;    /* a tunnel, whose client the access lists deny since a reload */
};

/* A session in OPENING with the stream of fd, which has no owner yet, and a part of the role, which
 * is zeroed memory of part_size bytes. Takes fd on success. NULL: out of memory. */
struct server_session *server_session_new(struct server_worker *worker, struct source *source,
                                          int fd, const spore_addr *peer, const spore_addr *local,
                                          const struct session_role *role, size_t part_size);
/* A session in READY on the open stream of one that has ended in JOINED. Takes the stream and the
 * part. NULL: out of memory. */
struct server_session *server_session_again(struct server_worker *worker, struct source *source,
                                            struct stream *stream, const struct session_role *role,
                                            void *part);
/* Counts the session as a stranger until its state says otherwise. Takes a ref of its source, which
 * was entered; asked_for: what source_enter returned. False: out of memory; the source was left. */
bool server_session_add_stranger(struct server_session *s, bool asked_for);
/* The client is of another source. Takes its ref, also on failure; asked_for: what source_enter
 * returned for it. False: out of memory; the session must end. While it is a stranger. */
bool server_session_change_source(struct server_session *s, struct source *source, bool asked_for);
/* For the log: the address of the proxy that the client has come through; NULL: none. */
const char *server_session_via(const struct server_session *s, char out[ADDR_TEXT_SIZE]);
/* The transports are open: from now on frames go to the role. */
void server_session_open_link(struct server_session *s);
/* Another role from now on. Takes the part; the old role's part is released and freed. */
void server_session_become(struct server_session *s, const struct session_role *role, void *part);

/* May `to` follow `from`? */
bool server_session_may_move(enum session_state from, enum session_state to);
/* Moves the session to a state that may follow its own. Not for WAITING, JOINED and ENDED. */
void server_session_move(struct server_session *s, enum session_state to);
/* Moves the session, whose client has nothing left to prove, to WAITING. It may be handed a visitor
 * if the pass allows it. False and *hit_out: the pass of this id is unknown, or too many
 * connections wait; the session stays as it is. */
bool server_session_wait(struct server_session *s, const struct uuid *pass,
                         struct limit_hit *hit_out);

/* Asks for a verdict on the client, which must be there before the deadline of the state.
 * on_verdict gets the session. */
struct login_asker server_session_asker(struct server_session *s,
                                        void (*on_verdict)(void *session, int32_t verdict));

/* The following functions end the session. Its memory is freed at the end of the turn; nothing of
 * it may be used after the call. */

/* Hands the stream over, with the bytes that were received after the last message and the bytes
 * that are not sent yet. The session is JOINED. */
struct stream *server_session_take_stream(struct server_session *s, struct buf *received_out,
                                          struct buf *unsent_out);
/* Closes the connection, with a reset or in order. */
void server_session_end(struct server_session *s, bool reset);
/* Closes the connection once what was sent last has arrived. Not in OPENING. */
void server_session_finish(struct server_session *s);

/* ---- on all sessions of a worker ---- */

/* The worker must have its set. */
void server_sessions_init(struct server_worker *worker);
/* The worker has another set. */
void server_sessions_renew(struct server_worker *worker);
void server_sessions_end_all(struct server_worker *worker);
/* The first session of the list; the session after `s`. NULL: no session. To end a session in a
 * loop, ask for the next one first. */
struct server_session *server_sessions_first(const struct server_worker *worker,
                                             enum session_list list);
struct server_session *server_sessions_next(const struct server_session *s);
/* Every session with an ALLOW that the revision concerns, with or without a tunnel, ends or changes
 * as it says. */
void server_sessions_revise(struct server_worker *worker, const struct revision *revision);
/* Closes the connections that wait for a visitor: all, or those whose tunnel is gone. */
void server_sessions_end_waiting(struct server_worker *worker, bool all);

#endif
