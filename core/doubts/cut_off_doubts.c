#include "doubts/cut_off_doubts.h"

#include <string.h>

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "net/addr.h"
#include "json/json.h"

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

/* True if the server does not listen any more at an address and port that clients may use. */
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

void cut_off_doubts_find(struct plugin_set *set, const struct plugin_set *before)
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
