/* stats - what the server counts. The first names are those of Spore's predecessor. [any] */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include <stdint.h>

struct loop;
struct metrics;

enum stat_name {
	STAT_CONNECTIONS_INCOMING, /* visitors that arrived */
	STAT_CONNECTIONS_ACCEPTED, /* visitors that a client took over */
	STAT_CONNECTIONS_STALE,    /* visitors that no client took over in time */
	STAT_BYTES_PROXIED,        /* both directions, counted when a relay ends */
	STAT_TUNNELS,              /* open now */
	STAT_RELAYS,               /* running now */
	STAT_COUNT
};

struct stats {
	struct metrics *metrics; /* borrowed: outlives it */
	uint32_t series[STAT_COUNT];
};

/* [main] */
void stats_init(struct stats *stats, struct metrics *metrics);
/* On the loop's own shard. [worker] */
void stats_add(const struct stats *stats, const struct loop *loop, enum stat_name stat, double delta);

#endif
