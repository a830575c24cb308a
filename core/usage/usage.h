/* usage - what one identity uses of its limits on use, over all of its tunnels and on all workers:
 * bytes per second, bytes in a day and in a month, new visitors per second.
 *
 * Days and months are those of UTC. A table holds an identity while it has tunnels, and as long as
 * its counts of this month are needed. A limit may change at any time, and holds at once.
 *
 * Several clients may have the same identity, and different limits: each tunnel claims its own. The
 * strictest of all claims hold, so that no client lifts the limits of another one. */
#ifndef CORE_USAGE_USAGE_H
#define CORE_USAGE_USAGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay/bucket.h"
#include "wire/refusal.h"

enum use_period { USE_DAY, USE_MONTH, USE_PERIODS };
enum use_direction { USE_UP, USE_DOWN, USE_DIRECTIONS }; /* from visitors to services, and back */

#define USE_UNLIMITED UINT64_MAX
#define USE_HEAD      "spore use 1\n" /* the first line of the counts as a text */

/* The limits of an identity. */
struct use_terms {
	uint64_t rates[USE_DIRECTIONS]; /* bytes per second; 0: no limit */
	uint64_t bytes[USE_PERIODS];    /* in both directions; USE_UNLIMITED: no limit */
	int64_t visitors_per_second;    /* negative: no limit */
};

/* What some tunnels of an identity claim. Equal terms are one claim. */
struct use_claim {
	struct use_claim *next;
	unsigned refs;          /* under the table's lock */
	struct use_terms terms; /* never change */
};

/* [main] sets what is shown of an identity. */
enum { USE_SERIES = 2 * USE_PERIODS + USE_DIRECTIONS };

struct usage {
	struct usage *next;
	char *identity; /* owned */
	unsigned refs;  /* under the table's lock, as the next two */
	struct use_claim *claims;
	bool is_counted; /* some claim of this month limits the bytes, so the counts are kept */
	struct bucket buckets[USE_DIRECTIONS];
	struct refill visitors;
	atomic_int_fast64_t visitors_per_second;
	atomic_uint_fast64_t used[USE_PERIODS], allowed[USE_PERIODS];
	atomic_bool is_told[USE_PERIODS]; /* the log has said that the bytes are used up */
	bool has_series;                  /* [main], as the next */
	uint32_t series[USE_SERIES];      /* of metrics */
};

struct usage_table {
	pthread_mutex_t lock;
	struct usage *first;
	unsigned n_workers;
	uint32_t date;       /* 20261130; under the lock */
	atomic_bool changed; /* since usage_table_write */
};

/* wall_ms: milliseconds since 1970, as in the functions below. [main] */
void usage_table_init(struct usage_table *table, unsigned n_workers, int64_t wall_ms);
/* All references must have been released. [main] */
void usage_table_fini(struct usage_table *table);
/* Begins another day or month when its time has come. [main] */
void usage_table_turn(struct usage_table *table, int64_t wall_ms);
/* Shows all identities. `look` must be quick. [main] */
void usage_table_each(struct usage_table *table, void (*look)(struct usage *usage, void *arg),
                      void *arg);
/* Returns the counts of all identities with limits on bytes, as a text that the caller frees. NULL:
 * out of memory. [main] */
char *usage_table_write(struct usage_table *table);
/* Adds the counts of such a text, which is NUL-ended, if they are of this day or month, or of a
 * later one, which a clock that was ahead has written. NULL: good.
 * Otherwise a permanent text says what was expected, *line_out where, and nothing was added.
 * [main] */
const char *usage_table_read(struct usage_table *table, const char *text, unsigned *line_out);

/* The same for the text that the server before has passed on; NULL: none. False: nothing was
 * added, and the log says why, unless there is none. [main] */
bool usage_table_inherit(struct usage_table *table, const char *text);

/* A reference to what the identity uses. NULL: out of memory. [any] */
struct usage *usage_get(struct usage_table *table, const char *identity);
/* [any] NULL is fine. */
void usage_put(struct usage_table *table, struct usage *usage);
/* Claims terms in place of *claim, which the caller keeps (NULL: none yet) until usage_drop. False:
 * out of memory, and the limits may be those of before. [any] */
bool usage_limit(struct usage_table *table, struct usage *usage, struct use_claim **claim,
                 const struct use_terms *terms);
/* Gives the claim up, and sets it to NULL. When the last one of an identity goes, its limits stay
 * as they are. [any] NULL is fine. */
void usage_drop(struct usage_table *table, struct usage *usage, struct use_claim **claim);

/* May a new visitor come? Counts it. False and *why_out: no. [any] */
bool usage_admit(struct usage *usage, int64_t now_ms, enum refusal *why_out);
/* Counts bytes that a relay has moved. Logs once when most of the allowance is used, and once when
 * all of it is. False: it is used up. [any] */
bool usage_carry(struct usage_table *table, struct usage *usage, uint64_t bytes);
/* Logs it if bytes are used up that no traffic has just used up, as after a restart, or a reload
 * that lowers an allowance. Once until some are left again. [main] */
void usage_tell(struct usage *usage);
/* The period whose bytes are used up; USE_PERIODS: none. [any] */
enum use_period usage_exhausted(const struct usage *usage);

#endif
