#include "chain/doubts.h"

#include <spore/acl.h>
#include <spore/auth.h>
#include <spore/transport.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "chain/plugin_set.h"
#include "chain/twins.h"
#include "config/shorthands.h"
#include "log/log.h"
#include "net/addr.h"
#include "thread/guest.h"
#include "json/json.h"
#include "json/pointer.h"

/* This is not an error, since bore's default is an open server, too. */
static const char open_server[] =
	"no authentication: anybody who reaches the control port may open tunnels";

static bool is_open(const struct plugin_set *set)
{
	return set->config->role == ROLE_SERVER && set->config->chains[CHAIN_AUTH].n == 0;
}

/* ---- identities that nobody has ---- */

/* True if the instance may know the identity, or cannot tell. */
static bool may_have(struct instance *instance, spore_str identity)
{
	const spore_auth_ops *ops = instance->component->ops;
	int32_t has;

	if (!SPORE_CAN(ops, has_identity))
		return true;
	guest_enter(instance->name, "has_identity");
	has = ops->has_identity(instance->self, identity);
	guest_leave();
	return has != 0;
}

static bool is_known(const struct plugin_set *set, const char *identity)
{
	const struct chain *auth = set->chains[CHAIN_AUTH];

	for (size_t i = 0; i < auth->n; i++) {
		if (may_have(auth->items[i], spore_cstr(identity)))
			return true;
	}
	return false;
}

static void check_identity(struct plugin_set *set, const char *identity, const struct json *node)
{
	if (identity && !is_known(set, identity))
		diag_add(&set->doubts, node,
		         "no auth plugin knows the identity \"%s\", so this applies to nobody",
		         identity);
}

/* If the list comes from a file, its elements have no place of their own. Then the place of the
 * option is reported. */
static void check_list(struct plugin_set *set, const spore_list *list, const struct json *node)
{
	const struct json *child = node && node->type == JSON_ARRAY ? node->first : NULL;

	for (size_t i = 0; i < list->count; i++, child = child ? child->next : NULL)
		check_identity(set, ((const char *const *)list->items)[i], child ? child : node);
}

static void check_row(struct plugin_set *set, const struct instance *instance,
                      const spore_option *row)
{
	const struct json *node = json_get(instance->raw, row->name);
	const void *field = (const char *)instance->conf + row->offset;

	if (!(row->flags & SPORE_OPTF_IDENTITY) || !node)
		return;
	if (row->type == SPORE_OPT_STRING)
		check_identity(set, *(const char *const *)field, node);
	else if (row->type == SPORE_OPT_LIST && row->item->type == SPORE_OPT_STRING)
		check_list(set, field, node);
}

static void check_instance(struct plugin_set *set, const struct instance *instance)
{
	const spore_component *component = instance->component;
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };

	for (uint32_t i = 0; i < table.n; i++)
		check_row(set, instance, option_row(&table, i));
}

/* NULL: the operator has not set the option. Defaults are not doubted. */
static const struct json *find_setting(const struct plugin_set *set, const char *section,
                                       const char *key)
{
	return json_get(json_get(json_doc_root(set->config->doc), section), key);
}

/* ---- ports that no tunnel gets ---- */

static bool overlaps(const spore_list *a, const spore_list *b)
{
	const spore_port_range *x = a->items, *y = b->items;

	for (size_t i = 0; i < a->count; i++) {
		for (size_t k = 0; k < b->count; k++) {
			if (x[i].lo <= y[k].hi && y[k].lo <= x[i].hi)
				return true;
		}
	}
	return false;
}

static void check_reserved(struct plugin_set *set)
{
	const struct server_settings *server = &set->config->settings.server;
	const struct json *section = json_get(json_doc_root(set->config->doc), "server");
	const struct json *list = json_get(section, "reserved_ports");
	const struct json *node = list ? list->first : NULL;
	const spore_list *reserved = server->reserved_ports.items;

	for (size_t i = 0; node && i < server->reserved_ports.count; i++, node = node->next) {
		if (!overlaps(&reserved[i], &server->ports))
			diag_add(
				&set->doubts, node,
				"no tunnel would get this port anyway: it is not one of the public "
				"ports (ports, or min_port to max_port)");
	}
}

static void check_header_ports(struct plugin_set *set)
{
	const struct server_settings *server = &set->config->settings.server;
	const struct json *section = json_get(json_doc_root(set->config->doc), "server");
	const struct json *list = json_get(section, "send_proxy_ports");
	const struct json *node = list ? list->first : NULL;
	const spore_list *ports = server->send_proxy_ports.items;

	for (size_t i = 0; node && i < server->send_proxy_ports.count; i++, node = node->next) {
		if (!overlaps(&ports[i], &server->public_ports))
			diag_add(&set->doubts, node,
			         "no tunnel gets this port: it is not one of the public ports "
			         "(ports, or min_port to max_port, without reserved_ports)");
	}
}

/* ---- entries of "public" without effect ---- */

enum { ALL_PORTS = 65536 };

static bool are_public(const struct plugin_set *set, const spore_port_range *range)
{
	spore_list one = { (void *)(uintptr_t)range, 1, sizeof *range };

	return overlaps(&one, &set->config->settings.server.public_ports);
}

static const char *format_range(const spore_port_range *range, char *out, size_t size)
{
	if (range->lo == range->hi)
		snprintf(out, size, "the port %u", range->lo);
	else
		snprintf(out, size, "the ports %u-%u", range->lo, range->hi);
	return out;
}

static void mark_ports(const spore_list *list, bool marks[ALL_PORTS])
{
	const spore_port_range *ranges = list->items;

	for (size_t i = 0; i < list->count; i++)
		memset(&marks[ranges[i].lo], true, (size_t)ranges[i].hi - ranges[i].lo + 1);
}

/* How many of the public ports are in the entry, and how many of these earlier entries have. */
struct entry_ports {
	unsigned n, taken;
};

static struct entry_ports count_ports(const struct plugin_set *set, size_t entry)
{
	const struct public_settings *entries = set->config->settings.public.items;
	const spore_list *public_ports = &set->config->settings.server.public_ports;
	const spore_port_range *ranges = public_ports->items;
	bool *own = calloc(ALL_PORTS, sizeof *own), *taken = calloc(ALL_PORTS, sizeof *taken);
	struct entry_ports count = { 0, 0 };

	if (own && taken) {
		mark_ports(&entries[entry].ports, own);
		for (size_t i = 0; i < entry; i++)
			mark_ports(&entries[i].ports, taken);
		for (size_t i = 0; i < public_ports->count; i++) {
			for (unsigned port = ranges[i].lo; port <= ranges[i].hi; port++) {
				count.n += own[port];
				count.taken += own[port] && taken[port];
			}
		}
	}
	free(own);
	free(taken);
	return count;
}

/* An earlier entry with fewer ports than the range is an exception to it, not a mistake. */
static bool takes_part(const spore_port_range *earlier, const spore_port_range *range)
{
	bool is_exception = earlier->lo >= range->lo && earlier->hi <= range->hi &&
	                    earlier->hi - earlier->lo < range->hi - range->lo;

	return earlier->lo <= range->hi && range->lo <= earlier->hi && !is_exception;
}

static void check_taken(struct plugin_set *set, const struct json *node,
                        const spore_port_range *range, size_t earlier)
{
	const struct public_settings *entry = (const struct public_settings *)
	                                              set->config->settings.public.items +
	                                      earlier;
	const spore_port_range *others = entry->ports.items;
	char text[48];

	for (size_t i = 0; i < entry->ports.count; i++) {
		spore_port_range both = { others[i].lo > range->lo ? others[i].lo : range->lo,
			                  others[i].hi < range->hi ? others[i].hi : range->hi };

		if (takes_part(&others[i], range) && are_public(set, &both))
			diag_add(&set->doubts, node,
			         "/public/%zu in front of it has %s, too: the first entry with a "
			         "port counts",
			         earlier, format_range(&both, text, sizeof text));
	}
}

static void check_ranges(struct plugin_set *set, const struct json *node, size_t entry)
{
	const struct public_settings *entries = set->config->settings.public.items;
	const spore_port_range *ranges = entries[entry].ports.items;
	char text[48];

	for (size_t i = 0; i < entries[entry].ports.count; i++) {
		if (!are_public(set, &ranges[i]))
			diag_add(&set->doubts, node,
			         "no tunnel gets %s: expected public ports (ports, or min_port to "
			         "max_port, without reserved_ports and the control port)",
			         format_range(&ranges[i], text, sizeof text));
		for (size_t k = 0; k < entry; k++)
			check_taken(set, node, &ranges[i], k);
	}
}

/* An entry without transports and lists leaves its ports as they are. Behind it, another entry may
 * have them, too: then it is an exception. */
static bool is_idle(const struct plugin_set *set, size_t entry)
{
	const struct public_settings *entries = set->config->settings.public.items;
	const struct config_chain *chains = &set->config->chains[chain_of_entry(entry, 0)];

	if (chains[PUBLIC_TRANSPORT].n > 0 || chains[PUBLIC_ACL].is_given)
		return false;
	for (size_t i = entry + 1; i < set->config->settings.public.count; i++) {
		if (overlaps(&entries[entry].ports, &entries[i].ports))
			return false;
	}
	return true;
}

/* An entry about ports of the tunnels' own. */
static void check_entry(struct plugin_set *set, const struct json *node, size_t entry)
{
	const struct json *ports = json_get(node, "ports");
	struct entry_ports count = count_ports(set, entry);

	if (count.n == 0)
		diag_add(&set->doubts, ports,
		         "no tunnel gets one of these ports: expected public ports (ports, or "
		         "min_port to max_port, without reserved_ports and the control port)");
	else if (count.n == count.taken)
		diag_add(&set->doubts, ports,
		         "this entry has no effect: entries in front of it have all of its ports");
	else
		check_ranges(set, ports, entry);
	if (is_idle(set, entry))
		diag_add(&set->doubts, node,
		         "this entry has no effect: it has neither transports nor access lists");
}

static void check_entries(struct plugin_set *set)
{
	const struct public_settings *entries = set->config->settings.public.items;
	const struct json *list = json_get(json_doc_root(set->config->doc), "public");
	const struct json *node = list ? list->first : NULL;

	for (size_t i = 0; node && i < set->config->settings.public.count; i++, node = node->next) {
		if (entries[i].listen_port == 0)
			check_entry(set, node, i);
	}
}

/* ---- listeners at public ports ---- */

/* With more public ports than this, it does not matter that one of them is in use. */
enum { MANY_PORTS = 4096 };

static bool are_many(const spore_list *ranges)
{
	const spore_port_range *range = ranges->items;
	unsigned n = 0;

	for (size_t i = 0; i < ranges->count; i++)
		n += range[i].hi - range[i].lo + 1u;
	return n > MANY_PORTS;
}

static void check_listening_port(struct plugin_set *set, const struct instance *instance)
{
	const struct server_settings *server = &set->config->settings.server;
	uint16_t port;

	if (set->config->role != ROLE_SERVER || are_many(&server->public_ports))
		return;
	port = listeners_port_among(&instance->listeners, &server->bind_tunnels,
	                            &server->public_ports);
	if (port)
		diag_add(&set->doubts, instance->raw,
		         "it listens at port %u, which is one of the public ports: no tunnel would "
		         "get it. List it in server.reserved_ports, or use another port",
		         port);
}

/* ---- instances that are never asked ---- */

static bool says_yes(struct instance *instance, int32_t (*decides_all)(void *instance))
{
	int32_t decides;

	guest_enter(instance->name, "decides_all");
	decides = decides_all(instance->self);
	guest_leave();
	return decides != 0;
}

static bool list_decides_all(struct instance *instance)
{
	const spore_acl_ops *ops = instance->component->ops;

	return SPORE_CAN(ops, decides_all) && says_yes(instance, ops->decides_all);
}

static bool auth_decides_all(struct instance *instance)
{
	const spore_auth_ops *ops = instance->component->ops;

	return SPORE_CAN(ops, decides_all) && says_yes(instance, ops->decides_all);
}

/* The chains whose instances are asked in order, until one decides. */
static const struct asked {
	uint32_t kind; /* SPORE_KIND_* */
	const char *noun, *about;
	bool (*decides_all)(struct instance *);
} asked[] = {
	{ SPORE_KIND_ACL, "access list", "connection", list_decides_all },
	{ SPORE_KIND_AUTH, "auth instance", "client", auth_decides_all },
};

/* NULL: the instances of such a chain are not asked. */
static const struct asked *find_asked(uint32_t kind)
{
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		if (asked[i].kind == kind)
			return &asked[i];
	}
	return NULL;
}

static bool decides_all_of(struct instance *instance, const char *identity)
{
	const spore_acl_ops *ops = instance->component->ops;
	int32_t decides;

	if (!SPORE_CAN(ops, decides_all_of))
		return list_decides_all(instance);
	guest_enter(instance->name, "decides_all_of");
	decides = ops->decides_all_of(instance->self, spore_cstr(identity));
	guest_leave();
	return decides != 0;
}

/* Of the first `n` instances, the first one that decides about each visitor of this identity's
 * tunnels. NULL: none does. */
static struct instance *find_decider(const struct chain *chain, size_t n, const char *identity)
{
	for (size_t i = 0; i < n; i++) {
		if (decides_all_of(chain->items[i], identity))
			return chain->items[i];
	}
	return NULL;
}

/* The deciders of the identities that one instance names. */
struct deciders {
	const struct instance *first;
	bool are_several, lacks_one;
};

static void note_decider(struct deciders *deciders, const struct instance *decider)
{
	if (!decider)
		deciders->lacks_one = true;
	else if (!deciders->first)
		deciders->first = decider;
	else if (deciders->first != decider)
		deciders->are_several = true;
}

static void find_deciders(const struct chain *chain, size_t at, const spore_option *row,
                          struct deciders *deciders)
{
	const void *field = (const char *)chain->items[at]->conf + row->offset;
	const spore_list *list = field;

	if (!(row->flags & SPORE_OPTF_IDENTITY) || row->type != SPORE_OPT_LIST ||
	    row->item->type != SPORE_OPT_STRING)
		return;
	for (size_t i = 0; i < list->count; i++)
		note_decider(deciders,
		             find_decider(chain, at, ((const char *const *)list->items)[i]));
}

/* An access list of some identities, behind lists that decide about all of them. */
static void check_identities(struct plugin_set *set, const struct chain *chain, size_t at)
{
	const struct instance *instance = chain->items[at];
	const spore_component *component = instance->component;
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };
	struct deciders deciders = { 0 };
	char pointer[256];

	for (uint32_t i = 0; i < table.n; i++)
		find_deciders(chain, at, option_row(&table, i), &deciders);
	if (!deciders.first || deciders.lacks_one)
		return;
	json_pointer(deciders.first->raw, pointer, sizeof pointer);
	diag_add(&set->doubts, instance->raw,
	         "this access list is never asked about its identities: %s%s in front of it %s "
	         "about every visitor of their tunnels",
	         pointer, deciders.are_several ? " and others" : "",
	         deciders.are_several ? "decide" : "decides");
}

static void check_never_asked(struct plugin_set *set, const struct chain *chain,
                              const struct asked *row)
{
	char pointer[256];
	size_t last = 0;

	for (; last < chain->n && !row->decides_all(chain->items[last]); last++) {
		if (row->kind == SPORE_KIND_ACL)
			check_identities(set, chain, last);
	}
	if (last + 1 >= chain->n)
		return;
	json_pointer(chain->items[last]->raw, pointer, sizeof pointer);
	for (size_t i = last + 1; i < chain->n; i++)
		diag_add(&set->doubts, chain->items[i]->raw,
		         "this %s is never asked: %s in front of it decides about every %s",
		         row->noun, pointer, row->about);
}

static void check_asked(struct plugin_set *set, size_t id)
{
	const struct asked *row = find_asked(set->config->chains[id].row->kind);

	/* A client's auth instances answer, and judge nobody. */
	if (row && set->config->role == ROLE_SERVER)
		check_never_asked(set, set->chains[id], row);
}

/* ---- prefixes that leave nothing over ---- */

/* A source of these addresses is never banned. */
static void check_ban_exempt(struct plugin_set *set)
{
	const struct json *node = find_setting(set, "limits", "ban_exempt");
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

/* ---- limits that have no effect because a lower one is reached first ---- */

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
	{ "limits", "max_unauthenticated_per_ip", "limits.max_unauthenticated",
	  offsetof(struct settings, limits.max_unauthenticated_per_ip),
	  offsetof(struct settings, limits.max_unauthenticated), false },
};

static int64_t setting_at(const struct plugin_set *set, size_t offset)
{
	return *(const int64_t *)((const char *)&set->config->settings + offset);
}

static void check_contradiction(struct plugin_set *set, const struct contradiction *row)
{
	const struct json *node = find_setting(set, row->section, row->key);
	int64_t lower = setting_at(set, row->lower_offset);

	if (node && (lower || row->counts_zero) && setting_at(set, row->offset) > lower)
		diag_add(&set->doubts, node, "it has no effect: it is above %s", row->lower);
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

/* fields: the struct of the object. */
static void check_client_limit(struct plugin_set *set, const struct json *object,
                               const spore_option *row, const char *fields)
{
	const struct json *node = json_get(object, row->name);

	for (size_t i = 0; node && i < sizeof client_limits / sizeof *client_limits; i++) {
		const struct client_limit *limit = &client_limits[i];
		int64_t whole = setting_at(set, limit->whole_offset); /* 0: no limit */

		if (row->flags & limit->flag && row->type == SPORE_OPT_INT && whole &&
		    *(const int64_t *)(const void *)(fields + row->offset) > whole)
			diag_add(&set->doubts, node, "it has no effect: it is above %s",
			         limit->whole);
	}
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
	}
}

static void check_all_client_limits(struct plugin_set *set, const struct instance *instance)
{
	const spore_component *component = instance->component;
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };

	for (uint32_t i = 0; set->config->role == ROLE_SERVER && i < table.n; i++)
		check_client_limits(set, instance, option_row(&table, i));
}

static void check_contradictions(struct plugin_set *set)
{
	size_t n = sizeof contradictions / sizeof *contradictions;

	for (size_t i = 0; set->config->role == ROLE_SERVER && i < n; i++)
		check_contradiction(set, &contradictions[i]);
}

/* ---- settings without effect ---- */

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
		const struct json *node = find_setting(set, "limits", dependences[i].key);

		if (node && setting_at(set, dependences[i].needs_offset) == 0)
			diag_add(&set->doubts, node, "it has no effect while %s is 0",
			         dependences[i].needs);
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
		const struct json *node = find_setting(set, wholes[i].section, wholes[i].key);
		long long ms = node ? setting_at(set, wholes[i].offset) : 0;

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
		diag_add(&set->doubts, find_setting(set, "client", "prefer_first"),
		         "it has no effect with a single server in client.to");
}

/* An instance of this name in the first `n` of the chain's instances; NULL: none. */
static const struct instance *find_name(const struct chain *chain, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(chain->items[i]->name, name) == 0)
			return chain->items[i];
	}
	return NULL;
}

/* An earlier instance of this name, in the same chain or, for a transport, in any section of
 * transports. */
static const struct instance *find_namesake(const struct plugin_set *set, size_t id, size_t at)
{
	const char *name = set->chains[id]->items[at]->name;
	const struct instance *found = NULL;

	for (size_t i = 0; !found && i < id; i++) {
		if (set->config->chains[id].row->kind == SPORE_KIND_TRANSPORT &&
		    set->config->chains[i].row->kind == SPORE_KIND_TRANSPORT)
			found = find_name(set->chains[i], set->chains[i]->n, name);
	}
	return found ? found : find_name(set->chains[id], at, name);
}

/* Only names that were given can be equal. */
static void check_names(struct plugin_set *set, size_t id)
{
	const struct chain *chain = set->chains[id];
	char pointer[256];

	for (size_t i = 0; i < chain->n; i++) {
		const struct instance *instance = chain->items[i];
		const struct instance *other = find_namesake(set, id, i);
		const struct json *node = json_get(instance->raw, "name");

		if (!other)
			continue;
		json_pointer(other->raw, pointer, sizeof pointer);
		diag_add(&set->doubts, node ? node : instance->raw,
		         "%s has this name, too: logs and metrics cannot tell them apart", pointer);
	}
}

static void check_clients_auth(struct plugin_set *set)
{
	const struct chain *chain = set->chains[CHAIN_AUTH];

	for (size_t i = 1; set->config->role != ROLE_SERVER && i < chain->n; i++)
		diag_add(&set->doubts, chain->items[i]->raw,
		         "it is never used: a client answers with its first auth instance only");
}

/* Only a server's auth instances judge. */
static void check_on_error(struct plugin_set *set, size_t id)
{
	const struct chain *chain = set->chains[id];

	for (size_t i = 0; i < chain->n; i++) {
		const struct json *node = json_get(chain->items[i]->raw, "on_error");

		if (node && (id != CHAIN_AUTH || set->config->role != ROLE_SERVER))
			diag_add(&set->doubts, node,
			         "it has no effect: only the auth instances of a server use it");
	}
}

/* A transport without streams of its own passes the bytes on as they are. */
static bool has_streams(const struct instance *instance)
{
	return ((const spore_transport_ops *)instance->component->ops)->stream_ops != NULL;
}

static void check_way(struct plugin_set *set)
{
	const struct chain *chain = set->chains[CHAIN_TRANSPORT];
	char pointer[256];
	size_t first = 0;

	while (first < chain->n && !has_streams(chain->items[first]))
		first++;
	for (size_t i = first + 1; i < chain->n; i++) {
		const spore_transport_ops *ops = chain->items[i]->component->ops;

		if (!SPORE_CAN(ops, dial))
			continue;
		json_pointer(chain->items[first]->raw, pointer, sizeof pointer);
		diag_add(&set->doubts, chain->items[i]->raw,
		         "it leads through another host, and %s in front of it speaks with that "
		         "host, not with the server: expected it first",
		         pointer);
	}
}

static bool tells_peer(const struct instance *instance)
{
	const spore_transport_ops *ops = instance->component->ops;

	return (ops->flags & SPORE_TRANSPORTF_TELLS_PEER) != 0;
}

/* Each proxy of a row reads the header in front of it and sends its own. */
static void check_peer_tellers(struct plugin_set *set, const struct chain *chain)
{
	char pointer[256];
	size_t first = 0;

	while (first < chain->n && !tells_peer(chain->items[first]))
		first++;
	for (size_t i = first + 1; i < chain->n; i++) {
		if (!tells_peer(chain->items[i]))
			continue;
		json_pointer(chain->items[first]->raw, pointer, sizeof pointer);
		diag_add(&set->doubts, chain->items[i]->raw,
		         "it expects the client's address from a proxy, as %s does: each "
		         "connection must bring it twice, but several proxies in a row send it "
		         "once",
		         pointer);
	}
}

/* A proxy sends its header ahead of everything else, unless it speaks the transport itself. */
static void check_teller_below(struct plugin_set *set, const struct chain *chain)
{
	char pointer[256];
	size_t first = 0;

	while (first < chain->n && !has_streams(chain->items[first]))
		first++;
	for (size_t i = first + 1; i < chain->n; i++) {
		if (!tells_peer(chain->items[i]) || tells_peer(chain->items[first]))
			continue;
		json_pointer(chain->items[first]->raw, pointer, sizeof pointer);
		diag_add(&set->doubts, chain->items[i]->raw,
		         "it expects the proxy's header inside of %s, but most proxies send it in "
		         "front of everything else: put it first, unless the proxy itself speaks "
		         "that transport",
		         pointer);
	}
}

static void check_visitor_lines(struct plugin_set *set)
{
	const struct log_settings *log = &set->config->settings.log;

	if (log->visitors && log->level > LOG_INFO)
		diag_add(&set->doubts, find_setting(set, "log", "visitors"),
		         "it has no effect: its lines have the level info, which log.level leaves "
		         "out");
}

static void check_effects(struct plugin_set *set)
{
	check_visitor_lines(set);
	check_dependences(set);
	check_wholes(set);
	check_prefer_first(set);
	check_clients_auth(set);
	check_way(set);
	for (size_t id = 0; id < set->config->n_chains; id++) {
		if (set->config->chains[id].row->kind == SPORE_KIND_TRANSPORT) {
			check_peer_tellers(set, set->chains[id]);
			check_teller_below(set, set->chains[id]);
		}
		check_names(set, id);
		check_on_error(set, id);
	}
}

/* ---- limits on bytes, and the file that keeps their counts ---- */

static const char *const byte_keys[] = { "bytes_per_day", "bytes_per_month" };
enum { N_BYTE_KEYS = sizeof byte_keys / sizeof *byte_keys };

/* The value that limits bytes in this object; NULL: none. */
static const struct json *find_byte_limit(const struct json *object)
{
	for (size_t i = 0; i < N_BYTE_KEYS; i++) {
		const struct json *node = json_get(object, byte_keys[i]);

		if (node && (node->type != JSON_NUMBER || node->number > 0))
			return node;
	}
	return NULL;
}

/* Those of the clients that are the keys of a map, such as "policy". */
static const struct json *find_client_limit(const struct instance *instance)
{
	const struct json *map = instance->raw ? instance->raw->first : NULL, *node = NULL;

	for (; map && !node; map = map->next) {
		const struct json *client = map->type == JSON_OBJECT ? map->first : NULL;

		for (; client && !node; client = client->next) {
			if (client->type == JSON_OBJECT)
				node = find_byte_limit(client);
		}
	}
	return node;
}

/* NULL: the configuration has no limit on bytes. The back-end of an auth plugin may have some. */
static const struct json *find_any_limit(const struct plugin_set *set)
{
	const struct limit_settings *limits = &set->config->settings.limits;
	const struct chain *auth = set->chains[CHAIN_AUTH];
	const struct json *node = NULL;

	if (limits->bytes_per_day || limits->bytes_per_month)
		node = find_byte_limit(json_get(json_doc_root(set->config->doc), "limits"));
	for (size_t i = 0; i < auth->n && !node; i++)
		node = find_client_limit(auth->items[i]);
	return node;
}

static void check_usage_file(struct plugin_set *set)
{
	const struct json *root = json_doc_root(set->config->doc);
	const struct json *limit = find_any_limit(set);
	const struct json *file = json_get(json_get(root, "server"), "usage_file");

	if (limit && !set->config->settings.server.usage_file)
		diag_add(&set->doubts, limit,
		         "a restart of the server begins to count at 0: server.usage_file would "
		         "keep what was used");
	else if (!limit && file && set->chains[CHAIN_AUTH]->n == 0)
		diag_add(&set->doubts, file, "it has no effect: no client has a limit on bytes");
}

/* ---- all of them ---- */

void doubts_find(struct plugin_set *set)
{
	check_reserved(set);
	check_header_ports(set);
	if (set->config->role == ROLE_SERVER)
		check_entries(set);
	check_ban_exempt(set);
	check_contradictions(set);
	check_effects(set);
	twins_find(set);
	if (set->config->role == ROLE_SERVER)
		check_usage_file(set);
	for (size_t id = 0; id < set->config->n_chains; id++) {
		check_asked(set, id);
		for (size_t i = 0; i < set->chains[id]->n; i++) {
			check_instance(set, set->chains[id]->items[i]);
			check_all_client_limits(set, set->chains[id]->items[i]);
			check_listening_port(set, set->chains[id]->items[i]);
		}
	}
}

/* ---- what a reload does to clients that are connected ---- */

static const char cut_off[] =
	"clients that are connected cannot open data connections any more: their tunnels stay, but "
	"serve no new visitor until the clients are started again";

/* Does a socket at one of these addresses listen at this address, too? */
static bool covers(const spore_list *list, const spore_addr *ip)
{
	const spore_addr *items = list->items;

	for (size_t i = 0; i < list->count; i++) {
		if (addr_is_any(&items[i]) || memcmp(items[i].ip, ip->ip, sizeof ip->ip) == 0)
			return true;
	}
	return false;
}

/* True if the control port has left an address that clients may use. */
static bool has_moved(const struct server_settings *now, const struct server_settings *before)
{
	const spore_addr *old = before->bind_addr.items;
	bool has_all = true;

	for (size_t i = 0; i < before->bind_addr.count; i++)
		has_all = has_all && covers(&now->bind_addr, &old[i]);
	return now->control_port != before->control_port || !has_all;
}

/* True if both chains have the same transports in the same order. A client that knows one chain can
 * then connect to a server with the other. */
static bool has_same_layers(const struct chain *now, const struct chain *before)
{
	if (now->n != before->n)
		return false;
	for (size_t i = 0; i < now->n; i++) {
		if (strcmp(now->items[i]->component->name, before->items[i]->component->name) != 0)
			return false;
	}
	return true;
}

/* A removed section has no place, so the place of the root is reported. */
static const struct json *section_or_root(const struct json *root, const char *name)
{
	const struct json *section = json_get(root, name);

	return section ? section : root;
}

void doubts_find_cut_off(struct plugin_set *set, const struct plugin_set *before)
{
	const struct json *root = json_doc_root(set->config->doc);
	const struct settings *now = &set->config->settings;

	if (!before || set->config->role != ROLE_SERVER)
		return;
	if (has_moved(&now->server, &before->config->settings.server))
		diag_add(&set->doubts, section_or_root(root, "server"),
		         "the control port moves: %s", cut_off);
	if (!has_same_layers(set->chains[CHAIN_TRANSPORT], before->chains[CHAIN_TRANSPORT]))
		diag_add(&set->doubts, section_or_root(root, "transport"),
		         "the transports change: %s", cut_off);
}

/* ---- telling them ---- */

static void log_doubt(const struct diag_mistake *doubt, void *arg)
{
	(void)arg;
	log_warn("doubtful configuration", log_str("warning", doubt->text),
	         log_str("source", doubt->source), log_int("line", doubt->line),
	         log_str("option", doubt->pointer));
}

void doubts_log(const struct plugin_set *set)
{
	if (is_open(set))
		log_warn(open_server, log_str("remedy", "give a secret, or a section auth"));
	diag_each(&set->doubts, log_doubt, NULL);
}

static void print_text(const char *text, FILE *out)
{
	char shown[1024];

	text_printable(text, strlen(text), shown, sizeof shown);
	fputs(shown, out);
}

static void print_doubt(const struct diag_mistake *doubt, void *arg)
{
	FILE *out = arg;

	if (doubt->source)
		print_text(doubt->source, out);
	if (doubt->line)
		fprintf(out, ":%u", doubt->line);
	fputs(doubt->source ? ": " : "", out);
	print_text(doubt->pointer, out);
	fputs(": ", out);
	print_text(doubt->text, out);
	fputc('\n', out);
}

void doubts_print(const struct plugin_set *set, FILE *out)
{
	if (is_open(set))
		fprintf(out, "%s\n", open_server);
	diag_each(&set->doubts, print_doubt, out);
}
