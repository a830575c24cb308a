/* ahead - connections to the server that one tunnel keeps open on one worker before there is a
 * visitor. The client has answered the Challenge on each. The server verifies the answer when
 * Accept arrives. Only our own server allows them: it sends a pass, which each of them shows.
 *
 * A connection that is lost, or that the server closes, is replaced after a pause. No visitor is
 * lost with it: the server answers Accept, and until that answer the visitor can be accepted on a
 * newly dialled connection. [worker] */
#ifndef CORE_CLIENT_AHEAD_H
#define CORE_CLIENT_AHEAD_H

#include <ev.h>
#include <spore/base.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/uuid.h"

struct ahead;
struct buf;
struct client_worker;
struct decliner;
struct stream;
struct tunnel_settings;

/* What a server grants to a tunnel, or to a pool of it. Zeros: nothing. */
struct ahead_grant {
	unsigned n;        /* connections to keep open */
	struct uuid pass;  /* which each of them shows */
	spore_addr server; /* who grants it */
	bool has_claims;   /* the server reads Claim */
};

struct ahead_pool {
	struct client_worker *worker;
	const struct tunnel_settings *tunnel;
	struct decliner *decliner; /* of the tunnel */
	struct ahead_grant grant;
	struct list opening; /* of struct ahead */
	struct list idle;    /* of struct ahead, oldest first */
	unsigned n;          /* in both lists */
	atomic_uint n_idle;  /* [any] */
	unsigned failures;   /* since a connection was of use */
	ev_timer pause;      /* before the next attempt */
	bool lacks_service;  /* the proxies': the last visitor did not reach the service */
};

/* With a stream: the server has accepted the visitor. The stream and the bytes that followed the
 * answer belong to the callee. NULL: the connection was lost before the answer. */
typedef void (*ahead_fn)(struct stream *stream, struct buf *received, void *arg);

/* `worker`, `tunnel` and `decliner` are set, everything else is zero. */
void ahead_pool_init(struct ahead_pool *pool);
/* Keeps as many connections as are granted from now on. None: closes those in the pool. */
void ahead_pool_keep(struct ahead_pool *pool, const struct ahead_grant *grant);

/* Takes an idle connection out of the pool and sends Accept on it. on_answer runs later, once; the
 * connection does not exist any more then. NULL: no connection is idle. */
struct ahead *ahead_take(struct ahead_pool *pool, const struct uuid *id, ahead_fn on_answer,
                         void *arg);
/* Closes a connection that was taken; on_answer will not run. NULL is fine. */
void ahead_drop(struct ahead *ahead);

#endif
