/* pending - the visitors that wait for a client to accept them, by connection id.
 *
 * All workers share the table. It has shards, each with a lock that is held for one look-up.
 * Nothing reads or watches the socket of a waiting visitor, and its entry has no pointer to the
 * tunnel. The caller that takes a visitor out owns it. This decides every race between two Accepts,
 * and between an Accept and the expiry. [any] */
#ifndef CORE_PENDING_H
#define CORE_PENDING_H

#include <spore/base.h>
#include <stdbool.h>

#include "base/uuid.h"

struct account;
struct gate;
struct instance;
struct limits;
struct pending;
struct pending_entry;
struct source;
struct stream;

/* How long a visitor waits for its client. */
enum { PENDING_MS = 10000 };

/* Was the visitor handed to the client before it was announced (session/offer)? */
enum offer_state {
	OFFER_NONE,
	OFFER_OPEN, /* and may still be taken on that connection */
	OFFER_LOST  /* but the connection has ended */
};

struct visitor {
	struct uuid id;          /* under which its client takes it */
	struct uuid born_as;     /* its first id, in events and in the log: see session/group */
	int fd;                  /* the holder of the visitor owns it and the references */
	struct stream *stream;   /* owns the fd, and belongs to no loop; NULL: a bare socket */
	struct account *account; /* ref; NULL: its tunnel is not known yet */
	struct source *source;   /* ref; NULL: visitors are not counted by source */
	spore_addr peer;
	uint64_t name;       /* the key of the host name that it wants: route/names; 0: none */
	uint16_t port;       /* where it has come, which several tunnels may share */
	uint64_t rate;       /* bytes per second in each direction; 0: no limit */
	int64_t since_ns;    /* time of arrival, by clock_ns() */
	int64_t deadline_ms; /* by clock_ms() */
	uint64_t tried;      /* bits of the places in a share that it has been at */
	enum offer_state offer;
	bool has_header; /* the service is told its address ahead of its bytes (PROXY protocol) */
};

/* gate: borrowed; counts the waiting visitors. NULL: out of memory. */
struct pending *pending_new(struct gate *gate);
/* Closes the visitors that still wait. No result of pending_find is in use any more. NULL is
 * fine. */
void pending_free(struct pending *pending);

/* False: out of memory; the visitor still belongs to the caller. */
bool pending_add(struct pending *pending, const struct visitor *visitor);
/* When a function below takes a visitor out, the next one may come in if `limits` allow it. */

/* Takes the visitor of this id out of the table. False: no such visitor waits. */
bool pending_take(struct pending *pending, const struct uuid *id, const struct limits *limits,
                  struct visitor *visitor_out);

enum pending_result { PENDING_TAKEN, PENDING_UNKNOWN, PENDING_FOREIGN };

/* Takes the visitor of this id out of the table, if its tunnel belongs to the client that the auth
 * instance `by` knows under this session. PENDING_FOREIGN: the tunnel has another owner, and the
 * visitor stays in the table. */
enum pending_result pending_take_own(struct pending *pending, const struct uuid *id,
                                     const struct instance *by, uint64_t session,
                                     const struct limits *limits, struct visitor *visitor_out);

/* The connection on which this visitor was handed over has ended. False: the visitor does not wait
 * any more. */
bool pending_lose_offer(struct pending *pending, const struct uuid *id);
/* Like pending_take_own, but takes only a visitor whose offer was lost (pending_lose_offer). */
enum pending_result pending_take_lost(struct pending *pending, const struct uuid *id,
                                      const struct instance *by, uint64_t session,
                                      const struct limits *limits, struct visitor *visitor_out);

/* A visitor that waits at a port which its owner has opened again. */
struct pending_stray {
	struct uuid id;
	spore_addr peer;
	uint64_t name, tried; /* as in struct visitor */
};

/* Copies at most `most` visitors that wait at the port of this account, and came while its owner
 * had the port under another account; if the port is shared, for a tunnel that has ended. They
 * stay in the table. A visitor that was offered is not among them: the client may have taken it.
 * Returns how many were copied. */
size_t pending_find_strays(struct pending *pending, const struct account *account,
                           struct pending_stray *out, size_t most);

/* The same for visitors that wait for the client of this account's tunnel and were not handed to
 * it. */
size_t pending_find_waiting(struct pending *pending, const struct account *account,
                            struct pending_stray *out, size_t most);
/* The same for visitors that were handed to this client on a connection that has ended. */
size_t pending_find_lost(struct pending *pending, const struct account *account,
                         struct pending_stray *out, size_t most);

/* The visitor of this id, for a client that is not authenticated yet; NULL: no such visitor. The
 * visitor goes on waiting: it may be found again, taken, or expire. The caller gives the entry back
 * with exactly one call of pending_claim or pending_forget. */
struct pending_entry *pending_find(struct pending *pending, const struct uuid *id);
/* The account of the visitor's tunnel. Borrowed; valid until the entry is given back. */
const struct account *pending_entry_account(const struct pending_entry *entry);
/* Takes out the visitor, without a second look-up. False: it was taken or has expired meanwhile. */
bool pending_claim(struct pending *pending, struct pending_entry *entry,
                   const struct limits *limits, struct visitor *visitor_out);
/* Leaves the visitor as it is. NULL is fine. */
void pending_forget(struct pending *pending, struct pending_entry *entry);

/* Takes out one visitor whose deadline has passed. False: no visitor has expired. Call it until it
 * returns false. */
bool pending_take_expired(struct pending *pending, int64_t now_ms, const struct limits *limits,
                          struct visitor *visitor_out);
bool pending_is_empty(struct pending *pending);
/* How many visitors wait. */
unsigned pending_count(const struct pending *pending);
/* Closes a visitor that was taken or never added: its descriptor, its place and its references. */
void visitor_drop(struct visitor *visitor);

#endif
