#include "server/stats.h"

#include "base/log.h"
#include "loop/loop.h"
#include "metrics/metrics.h"

static const spore_metric_spec specs[STAT_COUNT] = {
	[STAT_CONNECTIONS_INCOMING] = { .type = SPORE_METRIC_COUNTER,
	                                .name = "spore_connections_incoming_total",
	                                .help = "Visitors that arrived at public ports." },
	[STAT_CONNECTIONS_ACCEPTED] = { .type = SPORE_METRIC_COUNTER,
	                                .name = "spore_connections_accepted_total",
	                                .help = "Visitors that a client took over." },
	[STAT_CONNECTIONS_STALE] = { .type = SPORE_METRIC_COUNTER,
	                             .name = "spore_connections_stale_total",
	                             .help = "Visitors that no client took over in time." },
	[STAT_BYTES_PROXIED] = { .type = SPORE_METRIC_COUNTER,
	                         .name = "spore_bytes_proxied_total",
	                         .unit = "bytes",
	                         .help = "Bytes carried by relays that have ended." },
	[STAT_TUNNELS] = { .type = SPORE_METRIC_GAUGE,
	                   .name = "spore_tunnels",
	                   .help = "Tunnels that are open." },
	[STAT_RELAYS] = { .type = SPORE_METRIC_GAUGE,
	                  .name = "spore_relays",
	                  .help = "Relays that run." },
};

void stats_init(struct stats *stats, struct metrics *metrics)
{
	stats->metrics = metrics;
	for (size_t i = 0; i < STAT_COUNT; i++) {
		spore_metric_spec spec = specs[i];
		const char *why;
		uint32_t family;

		spec.struct_size = sizeof spec;
		family = metrics_family(metrics, &spec, &why);
		stats->series[i] = metrics_series(metrics, family, NULL, 0);
		if (!stats->series[i])
			log_error("metric refused", log_str("metric", spec.name), log_str("error", why));
	}
}

void stats_add(const struct stats *stats, const struct loop *loop, enum stat_name stat, double delta)
{
	metrics_add(stats->metrics, loop_index(loop), stats->series[stat], delta);
}
