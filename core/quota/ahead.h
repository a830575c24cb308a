/* ahead - passes for connections that a Spore client opens before a visitor comes, or keeps for the
 * next one. The visitor then needs no dial, no handshake and no Challenge.
 *
 * The server gives a pass to the client of a tunnel. A connection that shows it must prove that it
 * comes from the owner of that tunnel, and may then stay silent longer than others. The number of
 * waiting connections is limited for each pass, for each source, and in all. [any] */
#ifndef CORE_QUOTA_AHEAD_H
#define CORE_QUOTA_AHEAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/uuid.h"

struct account;
struct ahead_pass;
struct limit_hit;
struct limits;
struct server_worker;
struct source;

enum { AHEAD_BUCKETS = 256 };

struct ahead_table {
	pthread_mutex_t lock;
	struct ahead_pass *buckets[AHEAD_BUCKETS];
	atomic_uint waiting; /* under all passes */
};

void ahead_table_init(struct ahead_table *table);
/* All passes must be withdrawn and left. */
void ahead_table_fini(struct ahead_table *table);

/* What a pass is for. */
struct ahead_terms {
	struct source *source;   /* of the client; the pass takes a ref */
	struct account *account; /* of the tunnel; the pass takes a ref */
	unsigned n;              /* connections; more than 0 */
	unsigned n_workers;      /* on which they may wait */
	bool opens;              /* they may be handed visitors: see below */
};

/* A new pass. NULL: no memory or no randomness. */
struct ahead_pass *ahead_issue(struct ahead_table *table, const struct ahead_terms *terms);
/* The tunnel has another account. `pass` may be NULL. [worker] of the tunnel */
void ahead_change_account(struct ahead_pass *pass, struct account *account);
/* The account of the pass of this id, with a ref. NULL: there is no such pass. */
struct account *ahead_account(struct ahead_table *table, const struct uuid *id);
bool ahead_opens(const struct ahead_pass *pass);
/* The tunnel has closed: the pass lets no connection in any more, and those that wait under it
 * should be closed. Takes the tunnel's reference; NULL is fine. */
void ahead_withdraw(struct ahead_pass *pass);
const struct uuid *ahead_id(const struct ahead_pass *pass);
bool ahead_is_withdrawn(const struct ahead_pass *pass);

/* Counts one more waiting connection under the pass of this id, and returns the pass with a
 * reference that ahead_leave releases. NULL and *hit_out: there is no such pass, or too many
 * connections wait. */
struct ahead_pass *ahead_enter(struct ahead_table *table, const struct uuid *id,
                               const struct limits *limits, struct limit_hit *hit_out);
void ahead_leave(struct ahead_pass *pass);

/* ---- connections that may be handed a visitor at any time ----
 *
 * Each worker has a shelf of those that wait on it. A visitor reserves one of them on any thread,
 * and picks it on the thread of its worker. */

/* Puts a connection on the shelf of this worker, as the one that was used last. [worker] */
void ahead_shelve(struct ahead_pass *pass, unsigned index, struct server_worker *worker,
                  struct list *node);
/* Takes it off again, if it is there. [worker] */
void ahead_unshelve(struct ahead_pass *pass, unsigned index, struct list *node);
/* Reserves a connection, first on the worker of this index. The pass gets a reference, which
 * ahead_pick releases on the returned worker. NULL: none is free. [any] */
struct server_worker *ahead_reserve(struct ahead_pass *pass, unsigned first);
/* Gives the reservation up. [any] */
void ahead_return(struct ahead_pass *pass, unsigned index);
/* The connection that was used last, off the shelf. NULL: the reserved one has gone meanwhile.
 * [worker] of the index */
struct list *ahead_pick(struct ahead_pass *pass, unsigned index);

#endif
