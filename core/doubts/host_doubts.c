#include "doubts/host_doubts.h"

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "doubts/setting.h"
#include "wire/hostname.h"
#include "json/json.h"

/* What the policies of the auth instances allow. */
struct granted {
	const char *wanted;       /* as hostname_read writes it; NULL: none */
	const struct json *first; /* the first option with hosts; NULL: there is none */
	bool has_wanted;          /* also if it is not known, because the names are in a file */
};

static void note_hosts(struct granted *granted, const struct json *hosts)
{
	const struct json *child = hosts->type == JSON_ARRAY ? hosts->first : NULL;
	char name[HOSTNAME_SIZE];

	if (hosts->count == 0)
		return;
	if (!granted->first)
		granted->first = hosts;
	if (!child)
		granted->has_wanted = true;
	for (; granted->wanted && child; child = child->next) {
		if (child->type == JSON_STRING &&
		    hostname_read(child->raw, HOSTNAME_PATTERN | HOSTNAME_ALL, name) &&
		    hostname_covers(name, granted->wanted))
			granted->has_wanted = true;
	}
}

/* Rows with SPORE_OPTF_HOST of the object, and of the objects in its maps. */
static void note_object(struct granted *granted, const struct option_table *table,
                        const struct json *object)
{
	for (uint32_t i = 0; i < table->n; i++) {
		const spore_option *row = option_row(table, i);
		const struct json *node = json_get(object, row->name);
		struct option_table inner = option_inner(row);

		if (node && row->flags & SPORE_OPTF_HOST)
			note_hosts(granted, node);
		if (!node || row->type != SPORE_OPT_MAP || node->type != JSON_OBJECT)
			continue;
		for (const struct json *child = node->first; child; child = child->next)
			note_object(granted, &inner, child);
	}
}

static struct option_table table_of(const struct instance *instance)
{
	const spore_component *component = instance->component;

	return (struct option_table){ component->options, component->n_options,
		                      component->option_size };
}

static struct granted find_granted(const struct plugin_set *set, const char *wanted)
{
	const struct chain *auth = set->chains[CHAIN_AUTH];
	struct granted granted = { .wanted = wanted };

	for (size_t i = 0; i < auth->n; i++) {
		struct option_table table = table_of(auth->items[i]);

		note_object(&granted, &table, auth->items[i]->raw);
	}
	return granted;
}

/* Can a tunnel have the name of this node, as far as the policies say? Some policy has names. */
static void check_name(struct plugin_set *set, const struct json *node)
{
	char wanted[HOSTNAME_SIZE];

	if (node->type == JSON_STRING && hostname_read(node->raw, HOSTNAME_EXACT, wanted) &&
	    !find_granted(set, wanted).has_wanted)
		diag_add(&set->doubts, node,
		         "no tunnel can have this name, unless an auth plugin allows it by "
		         "itself: no policy has it in \"hosts\"");
}

/* Rows with SPORE_OPTF_HOST_NAME of the object, and of the objects in its lists. */
static void check_names(struct plugin_set *set, const struct option_table *table,
                        const struct json *object)
{
	for (uint32_t i = 0; i < table->n; i++) {
		const spore_option *row = option_row(table, i);
		const struct json *node = json_get(object, row->name);
		struct option_table inner = option_inner(row);

		if (node && row->flags & SPORE_OPTF_HOST_NAME)
			check_name(set, node);
		if (!node || row->type != SPORE_OPT_LIST || node->type != JSON_ARRAY)
			continue;
		for (const struct json *child = node->first; child; child = child->next)
			check_names(set, &inner, child);
	}
}

static void check_route(struct plugin_set *set, const struct chain *route)
{
	for (size_t i = 0; i < route->n; i++) {
		struct option_table table = table_of(route->items[i]);

		check_names(set, &table, route->items[i]->raw);
	}
}

static void check_port(struct plugin_set *set, const struct json *node, size_t entry)
{
	const struct json *port = json_get(node, "listen_port");
	const struct json *unknown_host = json_get(node, "unknown_host");

	if (set->chains[CHAIN_AUTH]->n == 0) {
		diag_add(&set->doubts, port,
		         "no tunnel gets visitors of this port: without auth, no client may have "
		         "a host name");
		return;
	}
	if (!find_granted(set, NULL).first) {
		diag_add(&set->doubts, port,
		         "no tunnel gets visitors of this port, unless an auth plugin allows host "
		         "names by itself: no policy has \"hosts\"");
		return;
	}
	if (unknown_host)
		check_name(set, unknown_host);
	check_route(set, set->chains[chain_of_entry(entry, PUBLIC_ROUTE)]);
}

void host_doubts_find(struct plugin_set *set)
{
	const struct settings *settings = &set->config->settings;
	const struct public_settings *entries = settings->public.items;
	const struct json *list = json_get(json_doc_root(set->config->doc), "public");
	const struct json *node = list ? list->first : NULL;
	struct granted granted;

	if (set->config->role != ROLE_SERVER)
		return;
	for (size_t i = 0; node && i < settings->public.count; i++, node = node->next) {
		if (entries[i].listen_port)
			check_port(set, node, i);
	}
	if (settings->server.routed_ports.count > 0)
		return;
	granted = find_granted(set, NULL);
	if (granted.first)
		diag_add(&set->doubts, granted.first,
		         "it has no effect: no entry of /public has \"listen_port\"");
}
