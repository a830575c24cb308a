#include "doubts/instance_doubts.h"

#include <string.h>

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "json/json.h"
#include "json/pointer.h"

/* The instance of this name among the first `n` of the chain. NULL: none. */
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

/* A name that the operator has not given is unique, so only given names can be equal. */
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

/* `on_error` is for instances that judge clients: the auth instances of a server. */
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

void instance_doubts_find(struct plugin_set *set, size_t id)
{
	check_names(set, id);
	check_on_error(set, id);
}
