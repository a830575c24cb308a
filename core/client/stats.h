/* stats - what a client counts. Names and meanings: metrics/families. */
#ifndef CORE_CLIENT_STATS_H
#define CORE_CLIENT_STATS_H

#include <stdint.h>

struct loop;
struct metrics;

enum client_stat {
	CLIENT_STAT_TUNNELS,  /* standing now */
	CLIENT_STAT_RELAYS,   /* running now */
	CLIENT_STAT_AHEAD,    /* connections opened ahead that wait */
	CLIENT_STAT_VISITORS, /* announced */
	CLIENT_STAT_LOSSES,   /* of tunnels, and of tries to open them */
	CLIENT_STAT_COUNT
};

/* Why a visitor could not be carried. */
enum client_failure {
	CLIENT_FAILURE_SERVER,  /* no data connection */
	CLIENT_FAILURE_SERVICE, /* the local service was not reached */
	CLIENT_FAILURE_QUEUE,   /* too many waited, or it waited for too long */
	CLIENT_FAILURE_MEMORY,
	CLIENT_FAILURE_COUNT
};

struct client_stats {
	struct metrics *metrics; /* borrowed: outlives it */
	uint32_t series[CLIENT_STAT_COUNT], failures[CLIENT_FAILURE_COUNT];
};

/* [main] */
void client_stats_init(struct client_stats *stats, struct metrics *metrics);
/* On the loop's own shard. [worker] */
void client_stats_add(const struct client_stats *stats, const struct loop *loop,
                      enum client_stat stat, double delta);
void client_stats_fail(const struct client_stats *stats, const struct loop *loop,
                       enum client_failure why);

#endif
