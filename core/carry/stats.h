/* stats - what a client counts. The names and meanings are in metrics/families. */
#ifndef CORE_CARRY_STATS_H
#define CORE_CARRY_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/settings.h"

struct loop;
struct metrics;

enum client_stat {
	CLIENT_STAT_TUNNELS,  /* gauge: tunnels that stand */
	CLIENT_STAT_RELAYS,   /* gauge: relays that run */
	CLIENT_STAT_AHEAD,    /* gauge: idle connections opened ahead */
	CLIENT_STAT_VISITORS, /* visitors that a server has announced */
	CLIENT_STAT_LOSSES,   /* tunnels lost, and failed attempts to open one */
	CLIENT_STAT_COUNT
};

/* Why a visitor was not carried. */
enum client_failure {
	CLIENT_FAILURE_SERVER,      /* no data connection to the server */
	CLIENT_FAILURE_SERVICE,     /* no connection to the local service */
	CLIENT_FAILURE_QUEUE,       /* the queue was full, or the visitor waited for too long */
	CLIENT_FAILURE_DESCRIPTORS, /* no descriptor was left */
	CLIENT_FAILURE_MEMORY,
	CLIENT_FAILURE_COUNT
};

struct client_stats {
	struct metrics *metrics; /* borrowed: outlives it */
	uint32_t series[CLIENT_STAT_COUNT], failures[CLIENT_FAILURE_COUNT];
	uint32_t servers[CLIENT_SERVERS_MAX]; /* the tunnels at each server */
};

/* [main] */
void client_stats_init(struct client_stats *stats, struct metrics *metrics);
/* The series of the tunnel of this name. [any] */
uint32_t client_stats_tunnel(const struct client_stats *stats, const char *name);
/* Counts the tunnels at each of these servers. [main] */
void client_stats_servers(struct client_stats *stats, const struct client_settings *settings);
/* A tunnel stands at the server of this index (1), or stands there no more (-1). [worker] */
void client_stats_at(const struct client_stats *stats, const struct loop *loop, unsigned server,
                     int delta);
/* The tunnel of this series stands (1), or stands no more (-1). [worker] */
void client_stats_stand(const struct client_stats *stats, const struct loop *loop, uint32_t series,
                        int delta);
/* Leaves the tunnel or the service of this series out of the metrics, or no longer. [worker] */
void client_stats_hide(const struct client_stats *stats, uint32_t series, bool hide);
/* The series of the service of the tunnel of this name. [any] */
uint32_t client_stats_service(const struct client_stats *stats, const char *tunnel);
/* The service of this series is up, or down. [worker] 0 */
void client_stats_serve(const struct client_stats *stats, const struct loop *loop, uint32_t service,
                        bool is_up);
/* Both count in the shard of the loop. [worker] */
void client_stats_add(const struct client_stats *stats, const struct loop *loop,
                      enum client_stat stat, double delta);
void client_stats_fail(const struct client_stats *stats, const struct loop *loop,
                       enum client_failure why);

#endif
