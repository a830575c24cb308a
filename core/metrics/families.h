/* families - the core's own metric families: one table of names, labels and help texts. */
#ifndef CORE_FAMILIES_H
#define CORE_FAMILIES_H

#include "metrics/metrics.h"

enum family {
	/* Named as in Spore's predecessor. */
	FAMILY_CONNECTIONS_INCOMING,
	FAMILY_CONNECTIONS_ACCEPTED,
	FAMILY_CONNECTIONS_STALE,
	FAMILY_BYTES_PROXIED,
	FAMILY_ACCEPT_LATENCY,
	/* Visitors and tunnels. */
	FAMILY_CONNECTIONS_HANDED,
	FAMILY_CONNECTIONS_SENT_BACK,
	FAMILY_CONNECTIONS_PASSED_ON,
	FAMILY_SETUP,
	FAMILY_PENDING,
	FAMILY_RELAYS,
	FAMILY_AHEAD,
	FAMILY_TUNNELS,
	FAMILY_TUNNELS_OPENED,
	FAMILY_TUNNELS_OUTDATED,
	FAMILY_TUNNELS_DOWN,
	FAMILY_IDENTITY_TUNNELS, /* identity */
	FAMILY_BYTES_UP,         /* identity */
	FAMILY_BYTES_DOWN,       /* identity */
	FAMILY_USED_BYTES,       /* identity, period */
	FAMILY_ALLOWED_BYTES,    /* identity, period */
	FAMILY_RATE_LIMIT,       /* identity, direction */
	FAMILY_USAGE_UNWRITTEN,
	FAMILY_CONTROL_CONNECTIONS,
	FAMILY_REFUSALS, /* at, reason */
	FAMILY_BANS,
	/* The families of a client. */
	FAMILY_CLIENT_VISITORS,
	FAMILY_CLIENT_FAILURES, /* reason */
	FAMILY_CLIENT_LOSSES,
	FAMILY_CLIENT_TUNNELS,  /* tunnel */
	FAMILY_CLIENT_SERVICES, /* tunnel */
	FAMILY_CLIENT_SERVERS,  /* server */
	/* Plugins. */
	FAMILY_AUTH_VERDICTS,          /* plugin, verdict, reason */
	FAMILY_AUTH_VERDICT_TIME,      /* plugin */
	FAMILY_AUTH_LAST_GOOD,         /* plugin, purpose */
	FAMILY_AUTH_LAST_GOOD_ENTRIES, /* plugin */
	FAMILY_ACL_REFUSALS,           /* at, plugin, reason */
	FAMILY_PLUGIN_CALL_TIME,       /* kind, plugin, call */
	FAMILY_PLUGIN_SLOW_CALLS,      /* plugin */
	FAMILY_PLUGIN_GENERATIONS,
	FAMILY_PLUGIN_RENEWALS, /* plugin, outcome */
	FAMILY_EVENTS,          /* plugin */
	FAMILY_EVENTS_DROPPED,  /* plugin */
	/* The process. */
	FAMILY_BUILD,  /* version, abi */
	FAMILY_CONFIG, /* role, and one label for each chain */
	FAMILY_WORKERS,
	FAMILY_WORKER_LAG, /* worker */
	FAMILY_RELOAD_GOOD,
	FAMILY_RELOAD_TIME,
	FAMILY_START_TIME,
	FAMILY_CPU_TIME,
	FAMILY_MEMORY,
	FAMILY_DESCRIPTORS,
	FAMILY_MAX_DESCRIPTORS,
	FAMILY_LOG_DROPS,
	FAMILY_COUNT
};

/* The id of the series with these label values, one per label; `values` may be NULL if the family
 * has no labels. The first call registers the family. 0 after logging an error. [any] */
uint32_t family_series(struct metrics *metrics, enum family family, const char *const *values);
/* The family's name, type, labels and help text; static. For the reference. [any] */
const spore_metric_spec *family_spec(enum family family);

#endif
