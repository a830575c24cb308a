/* stats - what the server counts: series that are looked up once, here, and then only added to.
 * Their names and meanings: metrics/families. */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include <stdint.h>

#include "wire/refusal.h"

struct loop;
struct metrics;

enum stat_name {
	STAT_CONNECTIONS_INCOMING, /* visitors that arrived */
	STAT_CONNECTIONS_ACCEPTED, /* visitors that a client took over */
	STAT_CONNECTIONS_STALE,    /* visitors that no client took over in time */
	STAT_BYTES_PROXIED,        /* both directions */
	STAT_TUNNELS,              /* open now */
	STAT_TUNNELS_OPENED,
	STAT_RELAYS,              /* running now */
	STAT_AHEAD,               /* connections opened ahead that wait */
	STAT_CONTROL_CONNECTIONS, /* at the control port */
	STAT_COUNT
};

struct stats {
	struct metrics *metrics; /* borrowed: outlives it */
	uint32_t series[STAT_COUNT];
	uint32_t accept_latency, setup, pending;
	uint32_t refusals[REFUSED_AT_COUNT][REFUSED_COUNT];
};

/* The bytes of one identity. */
struct stats_bytes {
	uint32_t up, down;
};

/* [main] */
void stats_init(struct stats *stats, struct metrics *metrics);
/* The gauge of waiting visitors is read by `read` when somebody looks; NULL: no longer. [main] */
void stats_watch_pending(const struct stats *stats, double (*read)(void *arg), void *arg);
/* "" is an identity, too. [any] */
struct stats_bytes stats_bytes_of(const struct stats *stats, const char *identity);

/* All below count on the loop's own shard. [worker] */
void stats_add(const struct stats *stats, const struct loop *loop, enum stat_name stat,
               double delta);
/* Somebody was not let in. */
void stats_refuse(const struct stats *stats, const struct loop *loop, enum refusal_at at,
                  enum refusal reason);
/* A visitor is about to be carried, `waited_ns` after its arrival. */
void stats_accepted(const struct stats *stats, const struct loop *loop, int64_t waited_ns);
/* Visitors' bytes that have been carried. */
void stats_carried(const struct stats *stats, const struct loop *loop,
                   const struct stats_bytes *identity, uint64_t up, uint64_t down);

#endif
