/* ahead - connections to the server that one tunnel keeps open on one worker before there is a
 * visitor. The client has answered the Challenge on each. The server verifies the answer when
 * Ahead arrives. Only our own server allows them: it sends a pass, which each of them shows.
 *
 * Some connections are opened ahead, as many as the operator wants. Others have carried a visitor
 * and are kept for the next one, as many as were useful lately. The one that was used last is taken
 * first.
 *
 * The server may hand over a visitor on a connection that waits for one (Open), at any time.
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
#include "thread/users.h"
#include "way/servers.h"

struct ahead;
struct ahead_pool;
struct buf;
struct bucket;
struct client_worker;
struct config;
struct deadline;
struct decliner;
struct homes;
struct message;
struct stream;
struct tunnel_settings;

/* What a server grants to a tunnel, or to a pool of it. Zeros: nothing. */
struct ahead_grant {
	unsigned n;       /* connections to open ahead: the least that are open */
	unsigned most;    /* connections to keep at most; 0: no connection has a second visitor */
	struct uuid pass; /* which each of them shows */
	struct server_place server; /* who grants it */
	/* Where visitors connect to: the tunnel's public port, and the server's address if it is
	 * known. Otherwise the family is 0. */
	spore_addr to;
};

/* The server has handed over a visitor on a connection that is lent from now on (ahead_pool_lend).
 * Takes the stream, the bytes that came behind, and bytes that must leave first. */
typedef void (*ahead_open_fn)(struct ahead_pool *pool, const struct message *open,
                              struct stream *stream, struct buf *received, struct buf *unsent);

/* What visitors have brought and taken on one worker. [worker] */
struct ahead_tally {
	uint64_t visitors; /* that were taken up, since the start */
	unsigned now;      /* of them, those that are being set up or carried */
	uint64_t up, down; /* bytes from visitors, and to them */
};

struct ahead_pool {
	struct client_worker *worker;
	struct list node;                     /* in worker->pools */
	struct config *config;                /* ref; of `tunnel` */
	const struct tunnel_settings *tunnel; /* replaced by a reload */
	struct users *users;                  /* of the tunnel, with the pool */
	struct ahead_tally tally;             /* the proxies' */
	struct decliner *decliner;            /* of the tunnel */
	struct bucket *buckets; /* of the tunnel: the limits on its rate, up and down; NULL: none */
	ahead_open_fn on_open;
	struct ahead_grant grant;
	struct list opening; /* of struct ahead */
	struct list idle;    /* of struct ahead, oldest first */
	unsigned n;          /* in both lists */
	unsigned lent;       /* to visitors: they may come back */
	atomic_uint n_idle;  /* [any] */
	unsigned failures;   /* since a connection was of use */
	unsigned grants;     /* number of the present grant */
	ev_timer pause;      /* before the next attempt */
	bool is_left;        /* the tunnel is closed: no grant counts any more */
	/* Of the proxies: */
	bool lacks_service;   /* the last visitor did not reach the service */
	unsigned vain_holds;  /* of Opened, in a row */
	unsigned until_holds; /* visitors before the next hold */
};

/* With a stream: the server has accepted the visitor. The stream and the bytes that followed the
 * answer belong to the callee. NULL: the connection was lost before the answer. */
typedef void (*ahead_fn)(struct stream *stream, struct buf *received, void *arg);

/* `worker`, `tunnel`, `config`, `users`, `decliner` and `on_open` are set, everything else is zero.
 */
void ahead_pool_init(struct ahead_pool *pool);
/* The tunnel has these settings of that configuration from now on. */
void ahead_pool_use(struct ahead_pool *pool, struct config *config,
                    const struct tunnel_settings *tunnel);
/* Keeps as many connections as are granted from now on. None: closes those in the pool. */
void ahead_pool_keep(struct ahead_pool *pool, const struct ahead_grant *grant);

/* May this server's visitor have a connection that has the next one, too (Carry)? */
bool ahead_pool_carries(const struct ahead_pool *pool, const struct server_place *server);
/* The message that asks the server for this visitor. */
struct message ahead_accept(const struct ahead_pool *pool, const struct uuid *id, bool carries);
/* A visitor has this connection, which may have another one afterwards. Then exactly one of the
 * next two functions is called. */
void ahead_pool_lend(struct ahead_pool *pool);
/* The connection will not come back. */
void ahead_pool_lose(struct ahead_pool *pool);
/* The visitor, of the grant of this number, has gone: keeps its connection, or closes it. Takes the
 * stream and the bytes that were received on it since. */
void ahead_pool_return(struct ahead_pool *pool, unsigned grant, struct stream *stream,
                       struct buf *received);

/* Takes an idle connection out of the pool and sends `accept` on it, which asks for a visitor. With
 * Carry the connection is lent from now on (ahead_pool_lend).
 * on_answer runs later, once; the connection does not exist any more then. NULL: no connection is
 * idle. */
struct ahead *ahead_take(struct ahead_pool *pool, const struct message *accept, ahead_fn on_answer,
                         void *arg);
/* Closes the connection of this worker that has been idle longest, of those that were kept for the
 * next visitor. False: there is none. */
bool ahead_close_oldest(struct client_worker *worker);
/* Closes the connections in the pool whose local address is gone, and opens others. */
void ahead_pool_look(struct ahead_pool *pool, struct homes *homes);
/* For the worker's list of idle connections. */
enum { AHEAD_IDLE_MS = 30000 };
void ahead_on_idle(struct deadline *deadline);
/* Closes a connection that was taken; on_answer will not run. NULL is fine. */
void ahead_drop(struct ahead *ahead);

#endif
