/* stats - what the server counts. The series are looked up once, at the start; later calls only add
 * to them. metrics/families says what each series means. */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include <stdint.h>

#include "wire/refusal.h"

struct loop;
struct metrics;
struct usage;

enum stat_name {
	STAT_CONNECTIONS_INCOMING,  /* visitors that arrived */
	STAT_CONNECTIONS_ACCEPTED,  /* visitors that a client accepted */
	STAT_CONNECTIONS_HANDED,    /* ... on a connection that waited for a visitor */
	STAT_CONNECTIONS_STALE,     /* visitors that no client accepted in time */
	STAT_CONNECTIONS_PASSED_ON, /* visitors that went on to another tunnel of a share */
	STAT_CONNECTIONS_SENT_BACK, /* data connections, to the process before this one */
	STAT_BYTES_PROXIED,         /* in both directions */
	STAT_TUNNELS,               /* open now */
	STAT_TUNNELS_OPENED,
	STAT_TUNNELS_OUTDATED,    /* whose clients the present configuration has not judged */
	STAT_TUNNELS_DOWN,        /* whose clients say that their service cannot be reached */
	STAT_RELAYS,              /* running now */
	STAT_AHEAD,               /* waiting connections that were opened ahead */
	STAT_CONTROL_CONNECTIONS, /* at the control port */
	STAT_BANS,                /* of sources, after wrong secrets */
	STAT_COUNT
};

struct stats {
	struct metrics *metrics; /* borrowed: outlives it */
	uint32_t series[STAT_COUNT];
	uint32_t accept_latency, setup, pending, unwritten;
	uint32_t refusals[REFUSED_AT_COUNT][REFUSED_COUNT];
};

/* The series of one identity: its bytes and its open tunnels. */
struct stats_identity {
	uint32_t up, down, tunnels;
};

/* [main] */
void stats_init(struct stats *stats, struct metrics *metrics);
/* The gauge of waiting visitors calls `read` whenever metrics are collected. NULL: no longer.
 * [main] */
void stats_watch_pending(const struct stats *stats, double (*read)(void *arg), void *arg);
/* The identity may be "". [any] */
struct stats_identity stats_of_identity(const struct stats *stats, const char *identity);

/* The functions below count on the loop's own shard. [worker] */
void stats_add(const struct stats *stats, const struct loop *loop, enum stat_name stat,
               double delta);
/* A connection was refused. A reason that is not counted there is ignored. */
void stats_refuse(const struct stats *stats, const struct loop *loop, enum refusal_at at,
                  enum refusal reason);
/* A visitor gets its relay `waited_ns` after it arrived. */
void stats_accepted(const struct stats *stats, const struct loop *loop, int64_t waited_ns);
/* This identity has one more open tunnel (1), or one less (-1). */
void stats_tunnel(const struct stats *stats, const struct loop *loop,
                  const struct stats_identity *identity, int delta);
/* Shows what an identity has used, and its limits, if it has some. [main] */
void stats_show_use(const struct stats *stats, struct usage *usage);
/* fails_ms: for how long the file with the usage of identities could not be written; 0: the last
 * write was successful. [main] */
void stats_show_unwritten(const struct stats *stats, int64_t fails_ms);
/* A relay has moved these bytes. */
void stats_carried(const struct stats *stats, const struct loop *loop,
                   const struct stats_identity *identity, uint64_t up, uint64_t down);

#endif
