/* ahead - a tunnel's connections to the server that wait, open and authenticated, for a visitor:
 * those of one worker. A server of ours allows them; it says so with a pass that each of them
 * shows.
 *
 * One that has died, or that the server closes, is opened again after a while. A visitor whom one
 * was taken for is safe: the server answers Accept on it, and until that answer it can be dialled
 * for. [worker] */
#ifndef CORE_CLIENT_AHEAD_H
#define CORE_CLIENT_AHEAD_H

#include <ev.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/uuid.h"

struct ahead;
struct buf;
struct client_worker;
struct stream;
struct tunnel_settings;

struct ahead_pool {
	struct client_worker *worker;
	const struct tunnel_settings *tunnel;
	struct uuid pass;
	unsigned wanted;     /* how many are kept; 0: the server allows none */
	struct list opening; /* of struct ahead */
	struct list idle;    /* of struct ahead, oldest first */
	unsigned n;          /* in both */
	atomic_uint n_idle;  /* [any] */
	unsigned failures;   /* since one was of use */
	ev_timer again;
};

/* The server has taken the visitor over: the stream, and what came behind its answer, are the
 * callee's. Or stream is NULL: the connection was lost before that. */
typedef void (*ahead_fn)(struct stream *stream, struct buf *received, void *arg);

/* Filled as far as `tunnel`, zeroed otherwise. */
void ahead_pool_init(struct ahead_pool *pool);
/* Keeps n from now on, with this pass; 0: closes those that wait. */
void ahead_pool_keep(struct ahead_pool *pool, unsigned n, const struct uuid *pass);

/* Sends Accept on one that waits. on_answer runs later, once, and the connection is gone then.
 * NULL: none waits. */
struct ahead *ahead_take(struct ahead_pool *pool, const struct uuid *id, ahead_fn on_answer,
                         void *arg);
/* The visitor is not to be carried any more: on_answer will not run. NULL is fine. */
void ahead_drop(struct ahead *ahead);

#endif
