#include "doubts/entry_doubts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "doubts/setting.h"
#include "json/json.h"

enum { ALL_PORTS = 65536 };

static bool are_public(const struct plugin_set *set, const spore_port_range *range)
{
	spore_list one = { (void *)(uintptr_t)range, 1, sizeof *range };

	return setting_overlaps(&one, &set->config->settings.server.public_ports);
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

struct entry_ports {
	unsigned n;     /* public ports that the entry has */
	unsigned taken; /* the part of them that earlier entries have, too */
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

/* Does the range of an earlier entry take ports from this one by mistake? A smaller range within
 * this one is an exception on purpose. */
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

/* True if the entry changes nothing: it has neither transports nor access lists. It still has an
 * effect if a later entry has its ports, too: then these ports are an exception. */
static bool is_idle(const struct plugin_set *set, size_t entry)
{
	const struct public_settings *entries = set->config->settings.public.items;
	const struct config_chain *chains = &set->config->chains[chain_of_entry(entry, 0)];

	if (chains[PUBLIC_TRANSPORT].n > 0 || chains[PUBLIC_ACL].is_given)
		return false;
	for (size_t i = entry + 1; i < set->config->settings.public.count; i++) {
		if (setting_overlaps(&entries[entry].ports, &entries[i].ports))
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

/* Instances of the entries have names, too, which check_names compares. */
static void check_entry_name(struct plugin_set *set, const struct json *node, size_t entry)
{
	const struct public_settings *entries = set->config->settings.public.items;

	for (size_t i = 0; i < entry && entries[entry].name; i++) {
		if (!entries[i].name || strcmp(entries[i].name, entries[entry].name) != 0)
			continue;
		diag_add(&set->doubts, json_get(node, "name"),
		         "/public/%zu has this name, too: logs and `spore ctl tunnels` cannot tell "
		         "them apart",
		         i);
		return;
	}
}

void entry_doubts_find(struct plugin_set *set)
{
	const struct public_settings *entries = set->config->settings.public.items;
	const struct json *list = json_get(json_doc_root(set->config->doc), "public");
	const struct json *node = list ? list->first : NULL;

	if (set->config->role != ROLE_SERVER)
		return;
	for (size_t i = 0; node && i < set->config->settings.public.count; i++, node = node->next) {
		if (entries[i].listen_port == 0)
			check_entry(set, node, i);
		check_entry_name(set, node, i);
	}
}
