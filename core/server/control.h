/* control - a connection to the control port, from accept until it is a tunnel's control
 * connection, or a data connection in a relay, or refused.
 *
 *   OPENING ─▶ ANSWER ─▶ HELD ─▶ JUDGING ─▶ READY ─▶ TUNNEL
 *      │    (Challenge  (Authen-  (verdict   │  ╲
 *      │     sent)       ticate)   awaited)  │   ─▶ handed to a relay (Accept)
 *      └──────────── without auth ───────────┘
 *
 * In READY a Hello may wait for a port that the same principal holds (takeover). In HELD the next
 * frame is awaited, since it says whose verdict is asked: an Accept is judged by the instance that
 * allowed its tunnel, anything else by the chain.
 *
 * Here: what it holds, and how it ends. It begins in entry, speaks in dialogue, is judged in judge.
 * Internal to server/. [worker] */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include "base/uuid.h"
#include "chain/auth.h"
#include "link/link.h"
#include "log/log.h"
#include "quota/strangers.h"
#include "server/worker.h"
#include "wire/refusal.h"

enum control_state { OPENING, ANSWER, HELD, JUDGING, READY, TUNNEL };

struct control {
	struct list node;         /* in worker->sessions */
	struct stranger stranger; /* in worker->strangers, until it is known */
	struct source *source;    /* ref */
	struct worker *worker;
	enum control_state state;
	struct stream *stream; /* owned while OPENING; the link's afterwards */
	struct link link;
	spore_addr peer;
	struct deadline first_frame, next_frame;
	struct deadline silence; /* of a tunnel's client that promised heartbeats */
	struct deadline waiting; /* of a connection that was opened ahead */
	struct uuid challenge;
	char *answer;         /* owned; a tunnel's is kept, for it may be judged anew */
	struct message *next; /* owned; the frame behind Authenticate, until the verdict */
	bool bad_next;        /* it was none */
	struct auth_run auth;
	struct plugin_set *set; /* ref; what it is judged by, while it is */
	struct account
		*owner; /* ref; of the visitor that it asks for: this one's verdict was asked */
	struct instance *by;       /* who allowed it; kept by the set, or by the tunnel's account */
	struct grant *grant;       /* owned, until a tunnel takes it */
	struct takeover *takeover; /* of the port that it waits for */
	struct tunnel *tunnel;     /* owned */
	ev_timer life;             /* of a tunnel whose grant bounds it, from ... */
	int64_t life_from_ms;      /* ... its opening on, or since its plugin renewed it */
	struct loop_task reap;
	struct ahead_pass
		*pass; /* owned; a tunnel's, with which its client may open connections ahead */
	struct ahead_pass *under; /* entered; the one under which this connection waits */
	bool was_ahead;           /* it has waited, and its Accept is to be answered */
	bool extended;            /* it is a client of ours, which sends heartbeats */
};

/* Begins in OPENING with the stream of fd, which it takes. NULL: out of memory, nothing is taken.
 * The stream has no owner yet. */
struct control *control_new(struct worker *worker, struct source *source, int fd,
                            const spore_addr *peer, const spore_addr *local);

/* These three end it, and so do the refusals: nothing of it may be touched afterwards. */
void control_end(struct control *c);
void control_end_all(struct list *sessions);
/* Releases all but the stream, which has been closed, taken or left to linger. */
void control_retire(struct control *c);

/* With the reason as an Error frame. */
void control_refuse(struct control *c, enum refusal why);
void control_refuse_because(struct control *c, enum refusal why, const char *text);
void control_end_with_error(struct control *c, const char *text);
/* bore closes without a word where a frame is wrong after authentication, or without it. */
void control_refuse_silently(struct control *c, enum refusal why);
/* With a reset: it leaves nothing behind, on this side. */
void control_cut_off(struct control *c, enum refusal why);

void control_count_refusal(const struct worker *worker, enum refusal why);
void control_log(struct control *c, enum log_level level, const char *event, const char *reason);
/* It does not wait for a visitor any more. Idempotent. */
void control_end_waiting(struct control *c);
/* A tunnel's, from now, where its grant bounds it. */
void control_start_life(struct control *c);

#endif
