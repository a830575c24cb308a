#include "doubts/setting_doubts.h"

#include <stddef.h>

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "doubts/setting.h"
#include "log/log.h"
#include "json/json.h"

/* The option `key` of `limits` has no effect while the option `needs` is 0. */
static const struct dependence {
	const char *key, *needs;
	size_t needs_offset; /* in struct settings */
} dependences[] = {
	{ "visitor_burst", "limits.visitor_rate", offsetof(struct settings, limits.visitor_rate) },
	{ "ban_time", "limits.ban_after", offsetof(struct settings, limits.ban_after) },
};

static void check_dependences(struct plugin_set *set)
{
	size_t n = sizeof dependences / sizeof *dependences;

	for (size_t i = 0; set->config->role == ROLE_SERVER && i < n; i++) {
		const struct json *node = setting_find(set, "limits", dependences[i].key);

		if (node && setting_number(set, dependences[i].needs_offset) == 0)
			diag_add(&set->doubts, node, "it has no effect while %s is 0",
			         dependences[i].needs);
	}
}

static bool has_public_transports(const struct plugin_set *set)
{
	bool has = false;

	for (size_t i = 0; i < set->config->settings.public.count; i++)
		has = has || set->config->chains[chain_of_entry(i, PUBLIC_TRANSPORT)].n > 0;
	return has;
}

static void check_handshakes(struct plugin_set *set)
{
	static const char *const keys[] = { "max_handshakes", "max_handshakes_per_ip" };

	for (size_t i = 0; i < 2; i++) {
		const struct json *node = setting_find(set, "limits", keys[i]);

		if (node && set->config->role == ROLE_SERVER && !has_public_transports(set))
			diag_add(&set->doubts, node,
			         "it has no effect: visitors shake hands only at ports with "
			         "transports, and no entry of /public has some");
	}
}

/* Durations that the system takes in whole seconds. */
static const struct whole {
	const char *section, *key;
	size_t offset; /* in struct settings */
} wholes[] = {
	{ "server", "keepalive_data", offsetof(struct settings, server.keepalive_data) },
	{ "server", "keepalive_visitors", offsetof(struct settings, server.keepalive_visitors) },
	{ "client", "keepalive_data", offsetof(struct settings, client.keepalive_data) },
	{ "client", "keepalive_services", offsetof(struct settings, client.keepalive_services) },
};

static void check_wholes(struct plugin_set *set)
{
	for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
		const struct json *node = setting_find(set, wholes[i].section, wholes[i].key);
		long long ms = node ? setting_number(set, wholes[i].offset) : 0;

		if (ms % 1000)
			diag_add(&set->doubts, node,
			         "expected whole seconds: %lld ms count as %lld s", ms,
			         ms / 1000 + 1);
	}
}

static void check_prefer_first(struct plugin_set *set)
{
	const struct client_settings *client = &set->config->settings.client;

	if (set->config->role != ROLE_SERVER && client->prefer_first && client->n_servers == 1)
		diag_add(&set->doubts, setting_find(set, "client", "prefer_first"),
		         "it has no effect with a single server in client.to");
}

static void check_visitor_lines(struct plugin_set *set)
{
	const struct log_settings *log = &set->config->settings.log;

	if (log->visitors && log->level > LOG_INFO)
		diag_add(&set->doubts, setting_find(set, "log", "visitors"),
		         "it has no effect: its lines have the level info, which log.level leaves "
		         "out");
}

void setting_doubts_find(struct plugin_set *set)
{
	check_visitor_lines(set);
	check_dependences(set);
	check_handshakes(set);
	check_wholes(set);
	check_prefer_first(set);
}
