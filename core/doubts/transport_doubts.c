#include "doubts/transport_doubts.h"

#include <spore/transport.h>

#include "chain/plugin_set.h"
#include "json/pointer.h"

/* A transport without streams of its own passes the bytes on as they are. */
static bool has_streams(const struct instance *instance)
{
	return ((const spore_transport_ops *)instance->component->ops)->stream_ops != NULL;
}

/* A transport with `dial` connects to another host, which leads to the server. */
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

/* If several proxies stand in a row, each reads the header of the proxy before it, and sends its
 * own. */
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

void transport_doubts_find(struct plugin_set *set)
{
	check_way(set);
	for (size_t id = 0; id < set->config->n_chains; id++) {
		if (set->config->chains[id].row->kind != SPORE_KIND_TRANSPORT)
			continue;
		check_peer_tellers(set, set->chains[id]);
		check_teller_below(set, set->chains[id]);
	}
}
