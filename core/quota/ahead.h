/* ahead - connections that a client of ours opens before a visitor comes, so that its Accept need
 * not wait for a dial, a handshake and a Challenge.
 *
 * A tunnel's client is given a pass; a connection that shows it may stay silent beyond the time of
 * a first frame. The pass opens nothing else: who sends Accept on such a connection is judged then,
 * as on any other. How many wait is bounded: of a pass, of a source and in all. [any] */
#ifndef CORE_SERVER_AHEAD_H
#define CORE_SERVER_AHEAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/uuid.h"

struct ahead_pass;
struct limits;
struct source;

enum { AHEAD_BUCKETS = 256 };

struct ahead_table {
	pthread_mutex_t lock;
	struct ahead_pass *buckets[AHEAD_BUCKETS];
	atomic_uint waiting;
};

void ahead_table_init(struct ahead_table *table);
/* All passes have been given back. */
void ahead_table_fini(struct ahead_table *table);

/* A pass for `n` connections from this source. NULL: out of memory or randomness. */
struct ahead_pass *ahead_issue(struct ahead_table *table, struct source *source, unsigned n);
/* The tunnel is gone: nobody else comes in with it, and who waits is to go. Takes the reference;
 * NULL is fine. */
void ahead_withdraw(struct ahead_pass *pass);
const struct uuid *ahead_id(const struct ahead_pass *pass);
bool ahead_is_withdrawn(const struct ahead_pass *pass);

/* One more that waits: the pass, until ahead_leave. NULL: there is none of this id, or too many
 * wait. */
struct ahead_pass *ahead_enter(struct ahead_table *table, const struct uuid *id,
                               const struct limits *limits);
void ahead_leave(struct ahead_pass *pass);

#endif
