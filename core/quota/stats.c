#include "quota/stats.h"

#include "loop/loop.h"
#include "metrics/families.h"
#include "usage/usage.h"

static const enum family families[STAT_COUNT] = {
	[STAT_CONNECTIONS_INCOMING] = FAMILY_CONNECTIONS_INCOMING,
	[STAT_CONNECTIONS_ACCEPTED] = FAMILY_CONNECTIONS_ACCEPTED,
	[STAT_CONNECTIONS_HANDED] = FAMILY_CONNECTIONS_HANDED,
	[STAT_CONNECTIONS_PASSED_ON] = FAMILY_CONNECTIONS_PASSED_ON,
	[STAT_CONNECTIONS_SENT_BACK] = FAMILY_CONNECTIONS_SENT_BACK,
	[STAT_CONNECTIONS_STALE] = FAMILY_CONNECTIONS_STALE,
	[STAT_BYTES_PROXIED] = FAMILY_BYTES_PROXIED,
	[STAT_TUNNELS] = FAMILY_TUNNELS,
	[STAT_TUNNELS_OPENED] = FAMILY_TUNNELS_OPENED,
	[STAT_TUNNELS_OUTDATED] = FAMILY_TUNNELS_OUTDATED,
	[STAT_TUNNELS_DOWN] = FAMILY_TUNNELS_DOWN,
	[STAT_RELAYS] = FAMILY_RELAYS,
	[STAT_AHEAD] = FAMILY_AHEAD,
	[STAT_CONTROL_CONNECTIONS] = FAMILY_CONTROL_CONNECTIONS,
	[STAT_BANS] = FAMILY_BANS,
};

static const char *const place_names[REFUSED_AT_COUNT] = {
	[REFUSED_AT_CONTROL] = "control",
	[REFUSED_AT_PUBLIC] = "public",
};

/* Every reason has its series from the start, so that a first refusal shows as an increase. */
static void init_refusals(struct stats *stats)
{
	for (int at = 0; at < REFUSED_AT_COUNT; at++) {
		for (int reason = 0; reason < REFUSED_COUNT; reason++) {
			const char *values[] = { place_names[at], refusal_name(reason) };

			stats->refusals[at][reason] = 0;
			if (refusal_happens_at(reason, at))
				stats->refusals[at][reason] = family_series(
					stats->metrics, FAMILY_REFUSALS, values);
		}
	}
}

void stats_init(struct stats *stats, struct metrics *metrics)
{
	stats->metrics = metrics;
	for (size_t i = 0; i < STAT_COUNT; i++)
		stats->series[i] = family_series(metrics, families[i], NULL);
	stats->accept_latency = family_series(metrics, FAMILY_ACCEPT_LATENCY, NULL);
	stats->setup = family_series(metrics, FAMILY_SETUP, NULL);
	stats->pending = family_series(metrics, FAMILY_PENDING, NULL);
	stats->unwritten = family_series(metrics, FAMILY_USAGE_UNWRITTEN, NULL);
	init_refusals(stats);
}

void stats_watch_pending(const struct stats *stats, double (*read)(void *arg), void *arg)
{
	metrics_sample(stats->metrics, stats->pending, read, arg);
}

struct stats_identity stats_of_identity(const struct stats *stats, const char *identity)
{
	return (struct stats_identity){
		.up = family_series(stats->metrics, FAMILY_BYTES_UP, &identity),
		.down = family_series(stats->metrics, FAMILY_BYTES_DOWN, &identity),
		.tunnels = family_series(stats->metrics, FAMILY_IDENTITY_TUNNELS, &identity),
	};
}

void stats_add(const struct stats *stats, const struct loop *loop, enum stat_name stat,
               double delta)
{
	metrics_add(stats->metrics, loop_index(loop), stats->series[stat], delta);
}

void stats_refuse(const struct stats *stats, const struct loop *loop, enum refusal_at at,
                  enum refusal reason)
{
	metrics_add(stats->metrics, loop_index(loop), stats->refusals[at][reason], 1);
}

void stats_accepted(const struct stats *stats, const struct loop *loop, int64_t waited_ns)
{
	unsigned shard = loop_index(loop);

	stats_add(stats, loop, STAT_CONNECTIONS_ACCEPTED, 1);
	metrics_observe(stats->metrics, shard, stats->accept_latency, (double)waited_ns / 1e6);
	metrics_observe(stats->metrics, shard, stats->setup, (double)waited_ns / 1e9);
}

void stats_tunnel(const struct stats *stats, const struct loop *loop,
                  const struct stats_identity *identity, int delta)
{
	metrics_add(stats->metrics, loop_index(loop), identity->tunnels, delta);
}

/* One gauge of an identity. A limit that does not hold is hidden. */
struct use_gauge {
	const char *label;
	uint64_t value;
	enum family family;
	bool is_shown;
};

static void read_gauges(const struct usage *usage, struct use_gauge gauges[USE_SERIES])
{
	static const char *const periods[] = { [USE_DAY] = "day", [USE_MONTH] = "month" };
	static const char *const directions[] = { [USE_UP] = "up", [USE_DOWN] = "down" };
	size_t n = 0;

	for (int i = 0; i < USE_PERIODS; i++) {
		uint64_t allowed = atomic_load(&usage->allowed[i]),
			 used = atomic_load(&usage->used[i]);
		bool holds = allowed != USE_UNLIMITED && usage->refs > 0;

		gauges[n++] = (struct use_gauge){ periods[i], used, FAMILY_USED_BYTES, holds };
		gauges[n++] = (struct use_gauge){ periods[i], allowed, FAMILY_ALLOWED_BYTES,
			                          holds };
	}
	for (int i = 0; i < USE_DIRECTIONS; i++) {
		uint64_t rate = bucket_rate(&usage->buckets[i]);

		gauges[n++] = (struct use_gauge){ directions[i], rate, FAMILY_RATE_LIMIT,
			                          rate > 0 && usage->refs > 0 };
	}
}

void stats_show_use(const struct stats *stats, struct usage *usage)
{
	struct use_gauge gauges[USE_SERIES];

	read_gauges(usage, gauges);
	for (size_t i = 0; i < USE_SERIES; i++) {
		const char *values[] = { usage->identity, gauges[i].label };

		if (gauges[i].is_shown && !usage->series[i]) {
			usage->series[i] = family_series(stats->metrics, gauges[i].family, values);
			usage->has_series = true;
		}
		metrics_hide(stats->metrics, usage->series[i], !gauges[i].is_shown);
		if (gauges[i].is_shown)
			metrics_set(stats->metrics, METRICS_SHARED, usage->series[i],
			            (double)gauges[i].value);
	}
}

void stats_show_unwritten(const struct stats *stats, int64_t fails_ms)
{
	metrics_set(stats->metrics, METRICS_SHARED, stats->unwritten, (double)fails_ms / 1e3);
}

void stats_carried(const struct stats *stats, const struct loop *loop,
                   const struct stats_identity *identity, uint64_t up, uint64_t down)
{
	unsigned shard = loop_index(loop);

	stats_add(stats, loop, STAT_BYTES_PROXIED, (double)(up + down));
	metrics_add(stats->metrics, shard, identity->up, (double)up);
	metrics_add(stats->metrics, shard, identity->down, (double)down);
}
