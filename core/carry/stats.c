#include "carry/stats.h"

#include "loop/loop.h"
#include "metrics/families.h"

static const enum family families[CLIENT_STAT_COUNT] = {
	[CLIENT_STAT_TUNNELS] = FAMILY_TUNNELS,
	[CLIENT_STAT_RELAYS] = FAMILY_RELAYS,
	[CLIENT_STAT_AHEAD] = FAMILY_AHEAD,
	[CLIENT_STAT_VISITORS] = FAMILY_CLIENT_VISITORS,
	[CLIENT_STAT_LOSSES] = FAMILY_CLIENT_LOSSES,
};

static const char *const failures[CLIENT_FAILURE_COUNT] = {
	[CLIENT_FAILURE_SERVER] = "server",    [CLIENT_FAILURE_SERVICE] = "service",
	[CLIENT_FAILURE_QUEUE] = "queue",      [CLIENT_FAILURE_DESCRIPTORS] = "descriptors",
	[CLIENT_FAILURE_MEMORY] = "no_memory",
};

void client_stats_init(struct client_stats *stats, struct metrics *metrics)
{
	stats->metrics = metrics;
	for (size_t i = 0; i < CLIENT_STAT_COUNT; i++)
		stats->series[i] = family_series(metrics, families[i], NULL);
	for (size_t i = 0; i < CLIENT_FAILURE_COUNT; i++)
		stats->failures[i] = family_series(metrics, FAMILY_CLIENT_FAILURES, &failures[i]);
}

void client_stats_servers(struct client_stats *stats, const struct client_settings *settings)
{
	for (size_t i = 0; i < settings->n_servers; i++)
		stats->servers[i] = family_series(stats->metrics, FAMILY_CLIENT_SERVERS,
		                                  &settings->servers[i].name);
}

void client_stats_at(const struct client_stats *stats, const struct loop *loop, unsigned server,
                     int delta)
{
	metrics_add(stats->metrics, loop_index(loop), stats->servers[server], delta);
}

uint32_t client_stats_tunnel(const struct client_stats *stats, const char *name)
{
	return family_series(stats->metrics, FAMILY_CLIENT_TUNNELS, &name);
}

void client_stats_stand(const struct client_stats *stats, const struct loop *loop, uint32_t series,
                        int delta)
{
	client_stats_add(stats, loop, CLIENT_STAT_TUNNELS, delta);
	metrics_add(stats->metrics, loop_index(loop), series, delta);
}

uint32_t client_stats_service(const struct client_stats *stats, const char *tunnel)
{
	return family_series(stats->metrics, FAMILY_CLIENT_SERVICES, &tunnel);
}

void client_stats_serve(const struct client_stats *stats, const struct loop *loop, uint32_t service,
                        bool is_up)
{
	metrics_set(stats->metrics, loop_index(loop), service, is_up);
}

void client_stats_hide(const struct client_stats *stats, uint32_t series, bool hide)
{
	metrics_hide(stats->metrics, series, hide);
}

void client_stats_add(const struct client_stats *stats, const struct loop *loop,
                      enum client_stat stat, double delta)
{
	metrics_add(stats->metrics, loop_index(loop), stats->series[stat], delta);
}

void client_stats_fail(const struct client_stats *stats, const struct loop *loop,
                       enum client_failure why)
{
	metrics_add(stats->metrics, loop_index(loop), stats->failures[why], 1);
}
