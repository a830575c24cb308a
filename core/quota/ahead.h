/* ahead - passes for connections that a Spore client opens before a visitor comes. The Accept for
 * that visitor then needs no dial, no handshake and no Challenge.
 *
 * The server gives a pass to the client of a tunnel. A connection with a valid pass may stay silent
 * longer than others. The pass allows nothing else: the server judges an Accept on such a
 * connection like any other. The number of waiting connections is limited for each pass, for each
 * source, and in all. [any] */
#ifndef CORE_QUOTA_AHEAD_H
#define CORE_QUOTA_AHEAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/uuid.h"

struct ahead_pass;
struct limit_hit;
struct limits;
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

/* A new pass for `n` connections from this source. NULL: no memory or no randomness. */
struct ahead_pass *ahead_issue(struct ahead_table *table, struct source *source, unsigned n);
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

#endif
