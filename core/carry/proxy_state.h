/* proxy_state - a visitor that is being set up: what belongs to it, and how it ends. Internal to
 * the files proxy_*.c. [worker] */
#ifndef CORE_CARRY_PROXY_STATE_H
#define CORE_CARRY_PROXY_STATE_H

#include "carry/carried.h"
#include "carry/uplink.h"
#include "loop/deadline.h"
#include "loop/loop.h"

struct ahead;
struct config;
struct dial;
struct origin;

struct proxy {
	struct list node; /* in worker->proxies or worker->waiting */
	struct client_worker *worker;
	struct config *config; /* ref; of `tunnel` */
	const struct tunnel_settings *tunnel;
	struct ahead_pool
		*pool; /* of the tunnel, on this worker; `pool->users` counts this proxy */
	struct announced visitor;
	int64_t since_ms; /* when the server announced the visitor */

	/* To the server: a connection that was opened ahead, or one that is dialled. */
	struct ahead *ahead;
	struct deadline slow; /* of the answer on `ahead` */
	struct uplink uplink;
	struct stream *server;       /* owned; set once the connection is the visitor's */
	struct buf received, unsent; /* of `server`: the visitor's first bytes; Accept */
	bool has_asked;  /* Claim or Carry was sent on `uplink`, and the server will answer */
	bool asks_again; /* the first such connection was lost: `uplink` is the second one */
	bool carries;    /* the connection to the server may have another visitor afterwards */
	unsigned grant;  /* if it carries: the number of the pool's grant that allows this */
	bool lends;      /* the pool counts the connection as lent (ahead_pool_lend) */
	bool is_framed;  /* the bytes of the visitor on `server` are framed already */
	bool was_opened; /* the server has handed the visitor over with Open ... */
	struct origin
		*origin; /* ... and gets Opened once `local` is connected; owned by `server` */

	/* To the local service. */
	struct dial *dial;
	struct stream *local;  /* owned; set once connected */
	bool local_failed;     /* the visitor gets an orderly end */
	bool asks_local_first; /* nothing goes to the server before `dial` has ended */

	const char *failure;  /* why the visitor gets no relay; static */
	struct deadline late; /* while it is queued */
	bool is_started;      /* else it is queued */
	struct loop_task reap;
};

/* A visitor that is neither set up nor queued yet. End it with proxy_state_end once it is.
 * NULL: out of memory. */
struct proxy *proxy_state_new(struct ahead_pool *pool, const struct announced *visitor);
/* Frees a proxy that was never set up or queued. Its streams and buffers stay the caller's. */
void proxy_state_free(struct proxy *proxy);
/* Tells the pool whether a connection to the server is lent to the visitor. */
void proxy_state_lend(struct proxy *proxy, bool lends);
/* The visitor, as the log and a relay know it. */
struct carried proxy_state_carried(const struct proxy *proxy);
/* Releases everything that the proxy still holds. is_relayed: a relay goes on with the visitor. */
void proxy_state_end(struct proxy *proxy, bool is_relayed);

#endif
