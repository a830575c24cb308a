#include "doubts/limit_doubts.h"

#include <spore/auth.h>
#include <stddef.h>
#include <string.h>

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "doubts/setting.h"
#include "net/addr.h"
#include "json/json.h"

/* The server never bans a source with one of these addresses. So a prefix of all addresses disables
 * bans. */
static void check_ban_exempt(struct plugin_set *set)
{
	const struct json *node = setting_find(set, "limits", "ban_exempt");
	const spore_list *exempt = &set->config->settings.limits.ban_exempt;
	bool all4, all6;

	if (set->config->role != ROLE_SERVER || !node)
		return;
	all4 = addr_is_family_in(4, exempt->items, exempt->count);
	all6 = addr_is_family_in(6, exempt->items, exempt->count);
	if (all4 || all6)
		diag_add(&set->doubts, node,
		         "it covers every %saddress: no such client is banned, however many "
		         "wrong secrets it tries",
		         all4 && all6 ? ""
		         : all4       ? "IPv4 "
		                      : "IPv6 ");
}

/* A value of the option `key` above that of the option `lower` has no effect. */
static const struct contradiction {
	const char *section, *key, *lower;
	size_t offset, lower_offset; /* of both options in struct settings */
	bool counts_zero;            /* 0 is a limit of the lower one, too; else it is none */
} contradictions[] = {
	{ "server", "drain_grace", "server.drain_timeout",
	  offsetof(struct settings, server.drain_grace),
	  offsetof(struct settings, server.drain_timeout), true },
	{ "server", "keepalive_data", "limits.relay_idle_timeout",
	  offsetof(struct settings, server.keepalive_data),
	  offsetof(struct settings, limits.relay_idle_timeout), false },
	{ "server", "keepalive_visitors", "limits.relay_idle_timeout",
	  offsetof(struct settings, server.keepalive_visitors),
	  offsetof(struct settings, limits.relay_idle_timeout), false },
	{ "limits", "bytes_per_day", "limits.bytes_per_month",
	  offsetof(struct settings, limits.bytes_per_day),
	  offsetof(struct settings, limits.bytes_per_month), false },
	{ "limits", "max_conns_per_ip", "limits.max_tunnels",
	  offsetof(struct settings, limits.max_conns_per_ip),
	  offsetof(struct settings, limits.max_tunnels), false },
	{ "limits", "max_visitors_per_ip", "limits.max_relays",
	  offsetof(struct settings, limits.max_visitors_per_ip),
	  offsetof(struct settings, limits.max_relays), false },
	{ "limits", "max_pending", "limits.max_relays",
	  offsetof(struct settings, limits.max_pending),
	  offsetof(struct settings, limits.max_relays), false },
	{ "limits", "max_pending_per_tunnel", "limits.max_pending",
	  offsetof(struct settings, limits.max_pending_per_tunnel),
	  offsetof(struct settings, limits.max_pending), false },
	{ "limits", "max_handshakes_per_ip", "limits.max_handshakes",
	  offsetof(struct settings, limits.max_handshakes_per_ip),
	  offsetof(struct settings, limits.max_handshakes), false },
	{ "limits", "max_unauthenticated_per_ip", "limits.max_unauthenticated",
	  offsetof(struct settings, limits.max_unauthenticated_per_ip),
	  offsetof(struct settings, limits.max_unauthenticated), false },
};

static void check_contradiction(struct plugin_set *set, const struct contradiction *row)
{
	const struct json *node = setting_find(set, row->section, row->key);
	int64_t lower = setting_number(set, row->lower_offset);

	if (node && (lower || row->counts_zero) && setting_number(set, row->offset) > lower)
		diag_add(&set->doubts, node, "it has no effect: it is above %s", row->lower);
}

void limit_doubts_find(struct plugin_set *set)
{
	size_t n = sizeof contradictions / sizeof *contradictions;

	check_ban_exempt(set);
	for (size_t i = 0; set->config->role == ROLE_SERVER && i < n; i++)
		check_contradiction(set, &contradictions[i]);
}

/* A plugin's option with the flag limits one client. Above the limit of the server, it has no
 * effect. */
static const struct client_limit {
	uint32_t flag; /* SPORE_OPTF_* */
	const char *whole;
	size_t whole_offset; /* in struct settings */
} client_limits[] = {
	{ SPORE_OPTF_MAX_TUNNELS, "limits.max_tunnels",
	  offsetof(struct settings, limits.max_tunnels) },
	{ SPORE_OPTF_MAX_VISITORS, "limits.max_relays",
	  offsetof(struct settings, limits.max_relays) },
};

/* fields: the struct with the values of `object`. */
static void check_client_limit(struct plugin_set *set, const struct json *object,
                               const spore_option *row, const char *fields)
{
	const struct json *node = json_get(object, row->name);

	for (size_t i = 0; node && i < sizeof client_limits / sizeof *client_limits; i++) {
		const struct client_limit *limit = &client_limits[i];
		int64_t whole = setting_number(set, limit->whole_offset); /* 0: no limit */

		if (row->flags & limit->flag && row->type == SPORE_OPT_INT && whole &&
		    *(const int64_t *)(const void *)(fields + row->offset) > whole)
			diag_add(&set->doubts, node, "it has no effect: it is above %s",
			         limit->whole);
	}
}

/* NULL: the object does not set this size. */
static const int64_t *find_size(const struct json *object, const struct option_table *table,
                                const char *key, const char *fields)
{
	for (uint32_t i = 0; i < table->n && json_get(object, key); i++) {
		const spore_option *row = option_row(table, i);

		if (row->type == SPORE_OPT_SIZE && strcmp(row->name, key) == 0)
			return (const void *)(fields + row->offset);
	}
	return NULL;
}

static void check_client_bytes(struct plugin_set *set, const struct json *object,
                               const struct option_table *table, const char *fields)
{
	const int64_t *day = find_size(object, table, "bytes_per_day", fields);
	const int64_t *month = find_size(object, table, "bytes_per_month", fields);

	if (day && month && *day > *month)
		diag_add(&set->doubts, json_get(object, "bytes_per_day"),
		         "it has no effect: it is above bytes_per_month");
}

/* The limits of the clients that are the keys of a map. */
static void check_client_limits(struct plugin_set *set, const struct instance *instance,
                                const spore_option *row)
{
	const struct json *node = json_get(instance->raw, row->name), *child;
	const void *field = (const char *)instance->conf + row->offset;
	const spore_map *map = field;
	const char *fields;

	if (row->type != SPORE_OPT_MAP || row->item->type != SPORE_OPT_OBJECT || !node ||
	    node->type != JSON_OBJECT)
		return;
	fields = map->items;
	for (child = node->first; child; child = child->next, fields += map->stride) {
		struct option_table table = { row->item->options, row->item->n_options,
			                      row->item->option_size };

		for (uint32_t i = 0; i < table.n; i++)
			check_client_limit(set, child, option_row(&table, i), fields);
		check_client_bytes(set, child, &table, fields);
	}
}

void limit_doubts_find_of_clients(struct plugin_set *set, const struct instance *instance)
{
	const spore_component *component = instance->component;
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };

	for (uint32_t i = 0; set->config->role == ROLE_SERVER && i < table.n; i++)
		check_client_limits(set, instance, option_row(&table, i));
}
