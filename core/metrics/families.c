#include "metrics/families.h"

#include "log/log.h"

enum { MOST_LABELS = 16 };

/* For label values that come from the configuration. The configuration limits the number of these
 * values. */
enum { AS_CONFIGURED = 10000 };

#define LABELS(...)                                                                                \
	.labels = (const char *const[]){ __VA_ARGS__ },                                            \
	.n_labels = sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *)
#define BOUNDS(...)                                                                                \
	.bounds = (const double[]){ __VA_ARGS__ },                                                 \
	.n_bounds = sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double)

#define COUNTER   .type = SPORE_METRIC_COUNTER, .name
#define GAUGE     .type = SPORE_METRIC_GAUGE, .name
#define SUMMARY   .type = SPORE_METRIC_SUMMARY, .name
#define HISTOGRAM .type = SPORE_METRIC_HISTOGRAM, .name

/* No label may be called "instance" or "job": Prometheus sets those. */
/* clang-format off */
static const spore_metric_spec families[FAMILY_COUNT] = {
	[FAMILY_CONNECTIONS_INCOMING] = {
		COUNTER = "spore_connections_incoming_total",
		.help = "Visitors that arrived at public ports.",
	},
	[FAMILY_CONNECTIONS_ACCEPTED] = {
		COUNTER = "spore_connections_accepted_total",
		.help = "Visitors that a client took over.",
	},
	[FAMILY_CONNECTIONS_STALE] = {
		COUNTER = "spore_connections_stale_total",
		.help = "Visitors that no client took over in time.",
	},
	[FAMILY_BYTES_PROXIED] = {
		COUNTER = "spore_bytes_proxied_total",
		.unit = "bytes",
		.help = "Bytes relayed for visitors, in both directions. A running relay is counted once a second.",
	},
	[FAMILY_ACCEPT_LATENCY] = {
		SUMMARY = "spore_accept_latency_ms",
		.help = "Milliseconds from a visitor's arrival until a client took it over.",
	},
	[FAMILY_CONNECTIONS_HANDED] = {
		COUNTER = "spore_connections_handed_total",
		.help = "Visitors that a client took over on a connection that waited for a visitor.",
	},
	[FAMILY_CONNECTIONS_SENT_BACK] = {
		COUNTER = "spore_connections_sent_back_total",
		.help = "Data connections that were sent to the process before an upgrade, which still has their clients.",
	},
	[FAMILY_CONNECTIONS_PASSED_ON] = {
		COUNTER = "spore_connections_passed_on_total",
		.help = "Visitors of shared ports that went on to another client, because one did not take them.",
	},
	[FAMILY_SETUP] = {
		HISTOGRAM = "spore_connection_setup_seconds",
		.unit = "seconds",
		.help = "Seconds from a visitor's arrival until its bytes flow.",
		BOUNDS(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
	},
	[FAMILY_PENDING] = {
		GAUGE = "spore_connections_pending",
		.help = "Visitors that wait for a client to take them.",
	},
	[FAMILY_RELAYS] = {
		GAUGE = "spore_relays",
		.help = "Visitors that are being relayed.",
	},
	[FAMILY_AHEAD] = {
		GAUGE = "spore_connections_ahead",
		.help = "Connections that wait for a visitor: opened ahead, or kept when their visitor has gone.",
	},
	[FAMILY_TUNNELS] = {
		GAUGE = "spore_tunnels",
		.help = "Tunnels that are open.",
	},
	[FAMILY_TUNNELS_OPENED] = {
		COUNTER = "spore_tunnels_opened_total",
		.help = "Tunnels that were opened.",
	},
	[FAMILY_TUNNELS_OUTDATED] = {
		GAUGE = "spore_tunnels_outdated",
		.help = "Tunnels whose clients the present configuration has not judged yet.",
	},
	[FAMILY_TUNNELS_DOWN] = {
		GAUGE = "spore_tunnels_service_down",
		.help = "Open tunnels whose clients say that their service cannot be reached.",
	},
	[FAMILY_IDENTITY_TUNNELS] = {
		GAUGE = "spore_identity_tunnels",
		.help = "Tunnels that are open, by the client's identity.",
		LABELS("identity"),
	},
	[FAMILY_BYTES_UP] = {
		COUNTER = "spore_tunnel_up_bytes_total",
		.unit = "bytes",
		.help = "Bytes relayed from visitors to a client, by the client's identity.",
		LABELS("identity"),
	},
	[FAMILY_BYTES_DOWN] = {
		COUNTER = "spore_tunnel_down_bytes_total",
		.unit = "bytes",
		.help = "Bytes relayed from a client to visitors, by the client's identity.",
		LABELS("identity"),
	},
	[FAMILY_USED_BYTES] = {
		GAUGE = "spore_identity_used_bytes",
		.unit = "bytes",
		.help = "Bytes that an identity with a limit on them has used in this day or month (UTC).",
		LABELS("identity", "period"),
	},
	[FAMILY_ALLOWED_BYTES] = {
		GAUGE = "spore_identity_allowed_bytes",
		.unit = "bytes",
		.help = "Bytes that an identity may use in a day or month: bytes_per_day, bytes_per_month.",
		LABELS("identity", "period"),
	},
	[FAMILY_RATE_LIMIT] = {
		GAUGE = "spore_identity_rate_limit_bytes",
		.unit = "bytes",
		.help = "Bytes per second that an identity with such a limit may use: rate_up, rate_down.",
		LABELS("identity", "direction"),
	},
	[FAMILY_USAGE_UNWRITTEN] = {
		GAUGE = "spore_usage_unwritten_seconds",
		.unit = "seconds",
		.help = "Seconds for which server.usage_file could not be written; 0: it can be written.",
	},
	[FAMILY_CONTROL_CONNECTIONS] = {
		COUNTER = "spore_control_connections_total",
		.help = "Connections to the control port: one per client, and one per visitor taken over.",
	},
	[FAMILY_REFUSALS] = {
		COUNTER = "spore_refusals_total",
		.help = "Connections refused, at the control port or at public ports.",
		LABELS("at", "reason"),
	},
	[FAMILY_BANS] = {
		COUNTER = "spore_source_bans_total",
		.help = "Sources that were banned after wrong secrets.",
	},
	[FAMILY_CLIENT_VISITORS] = {
		COUNTER = "spore_client_visitors_total",
		.help = "Visitors that the server announced to this client.",
	},
	[FAMILY_CLIENT_FAILURES] = {
		COUNTER = "spore_client_failures_total",
		.help = "Announced visitors that this client could not relay.",
		LABELS("reason"),
	},
	[FAMILY_CLIENT_LOSSES] = {
		COUNTER = "spore_client_losses_total",
		.help = "Failed attempts to open a tunnel, and lost tunnels.",
	},
	[FAMILY_CLIENT_TUNNELS] = {
		GAUGE = "spore_client_tunnel_up",
		.help = "1 if this client's tunnel is open, 0 if it is not; for each configured tunnel, by its name.",
		LABELS("tunnel"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_CLIENT_SERVICES] = {
		GAUGE = "spore_client_service_up",
		.help = "1 if the service of this client's tunnel is up, 0 if it is down; for each tunnel with a check, by its name.",
		LABELS("tunnel"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_CLIENT_SERVERS] = {
		GAUGE = "spore_client_server_tunnels",
		.help = "Open tunnels at each configured server of this client, as HOST:PORT.",
		LABELS("server"),
	},
	[FAMILY_AUTH_VERDICTS] = {
		COUNTER = "spore_auth_verdicts_total",
		.help = "Verdicts of auth instances. Only errors have a reason.",
		LABELS("plugin", "verdict", "reason"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_AUTH_VERDICT_TIME] = {
		HISTOGRAM = "spore_auth_verdict_seconds",
		.unit = "seconds",
		.help = "Seconds from a question to an auth instance until its verdict.",
		LABELS("plugin"),
		BOUNDS(0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 3, 10, 30),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_AUTH_LAST_GOOD] = {
		COUNTER = "spore_auth_last_good_total",
		.help = "Connections that were let in by an earlier verdict of the auth instance, since it could not decide.",
		LABELS("plugin", "purpose"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_AUTH_LAST_GOOD_ENTRIES] = {
		GAUGE = "spore_auth_last_good_entries",
		.help = "Clients whom the auth instance could recognise without its back-end.",
		LABELS("plugin"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_ACL_REFUSALS] = {
		COUNTER = "spore_acl_refusals_total",
		.help = "Connections that an access list denied. The access list gives the reason; \"other\": a reason after its first 15.",
		LABELS("at", "plugin", "reason"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_PLUGIN_CALL_TIME] = {
		HISTOGRAM = "spore_plugin_call_seconds",
		.unit = "seconds",
		.help = "Seconds that a call into a plugin blocked its worker.",
		LABELS("kind", "plugin", "call"),
		BOUNDS(0.000001, 0.00001, 0.0001, 0.001, 0.01, 0.1, 1),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_PLUGIN_SLOW_CALLS] = {
		COUNTER = "spore_plugin_slow_calls_total",
		.help = "Calls into a plugin that blocked a worker for longer than plugins.slow_after, or a thread that is neither a worker's nor a pool's for longer than a second.",
		LABELS("plugin"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_PLUGIN_GENERATIONS] = {
		GAUGE = "spore_plugin_generations",
		.help = "1 for the current configuration, and 1 more for each replaced one whose "
			"plugin instances are still in use.",
	},
	[FAMILY_PLUGIN_RENEWALS] = {
		COUNTER = "spore_plugin_renewals_total",
		.help = "Changed files of plugin instances. outcome: renewed, the new version is in use; refused, the old version stays in use.",
		LABELS("plugin", "outcome"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_EVENTS] = {
		COUNTER = "spore_events_total",
		.help = "Events that the instance has taken.",
		LABELS("plugin"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_EVENTS_DROPPED] = {
		COUNTER = "spore_events_dropped_total",
		.help = "Events that the instance has missed, because it was too slow and its queue was full.",
		LABELS("plugin"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_BUILD] = {
		GAUGE = "spore_build_info",
		.help = "Always 1. The labels name the version of Spore and of its plugin ABI.",
		LABELS("version", "abi"),
	},
	[FAMILY_CONFIG] = {
		GAUGE = "spore_config_info",
		.help = "Always 1. The labels name the role and the configured plugin instances.",
		LABELS("role", "transport", "auth", "acl_control", "acl_public", "metrics", "events", "checks"),
	},
	[FAMILY_RELOAD_GOOD] = {
		GAUGE = "spore_config_last_reload_successful",
		.help = "1 if the last reload of a server's configuration, or its start, was successful; 0 if it was refused.",
	},
	[FAMILY_RELOAD_TIME] = {
		GAUGE = "spore_config_last_reload_success_timestamp_seconds",
		.unit = "seconds",
		.help = "When the configuration that a server uses was loaded, in seconds since 1970.",
	},
	[FAMILY_WORKERS] = {
		GAUGE = "spore_workers",
		.help = "Worker threads.",
	},
	[FAMILY_WORKER_LAG] = {
		GAUGE = "spore_worker_lag_seconds",
		.unit = "seconds",
		.help = "The longest turn of each worker's event loop in the last one to two minutes: the most that a connection has waited for the worker.",
		LABELS("worker"),
		.max_series = AS_CONFIGURED,
	},
	[FAMILY_START_TIME] = {
		GAUGE = "spore_start_time_seconds",
		.unit = "seconds",
		.help = "When the process started, in seconds since 1970.",
	},
	[FAMILY_CPU_TIME] = {
		COUNTER = "spore_cpu_seconds_total",
		.unit = "seconds",
		.help = "CPU time of the process, user and system.",
	},
	[FAMILY_MEMORY] = {
		GAUGE = "spore_resident_memory_bytes",
		.unit = "bytes",
		.help = "Resident memory of the process.",
	},
	[FAMILY_DESCRIPTORS] = {
		GAUGE = "spore_open_descriptors",
		.help = "File descriptors that the process has open.",
	},
	[FAMILY_MAX_DESCRIPTORS] = {
		GAUGE = "spore_max_descriptors",
		.help = "File descriptors that the process may have open.",
	},
	[FAMILY_LOG_DROPS] = {
		COUNTER = "spore_log_dropped_lines_total",
		.help = "Log lines lost because they were not read fast enough.",
	},
};
/* clang-format on */

const spore_metric_spec *family_spec(enum family family)
{
	return &families[family];
}

uint32_t family_series(struct metrics *metrics, enum family family, const char *const *values)
{
	spore_metric_spec spec = families[family];
	spore_str texts[MOST_LABELS];
	const char *why = "out of memory";
	uint32_t id, series = 0;

	spec.struct_size = sizeof spec;
	for (size_t i = 0; i < spec.n_labels; i++)
		texts[i] = spore_cstr(values[i]);
	id = metrics_family(metrics, &spec, &why);
	if (id)
		series = metrics_series(metrics, id, texts, spec.n_labels);
	if (!series)
		log_error("metric refused", log_str("metric", spec.name),
		          log_str("error", why ? why : "out of memory"));
	return series;
}
