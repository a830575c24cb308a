#include "chain/set_builder.h"

#include <stdio.h>
#include <string.h>

#include "chain/maker.h"
#include "chain/transport.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "host/listeners.h"
#include "net/addr.h"
#include "plugin/kind.h"
#include "json/json.h"
#include "json/pointer.h"

struct builder {
	struct plugin_set *set;
	const struct plugin_set_spec *spec;
	struct diag *diag;
	const struct chain_row *row; /* of the chain that is being built */
	const struct chain *chain;   /* its instances so far */
	const struct chain *before;  /* the chain that it replaces, or NULL */
	const struct chain *below;   /* the transports below it; NULL: it is one of transports */
};

/* ---- the instance that a new one replaces ---- */

/* Does the instance have the same name, component and plugin as the order? The plugin may be of
 * another build. */
static bool is_kin(const struct instance *instance, const struct maker_order *order)
{
	return strcmp(instance->name, order->entry->name) == 0 &&
	       strcmp(instance->component->name, order->component->name) == 0 &&
	       strcmp(instance->plugin->note.plugin, order->plugin->note.plugin) == 0;
}

static bool is_same_code(const struct instance *instance, const struct maker_order *order)
{
	return is_kin(instance, order) && instance->component == order->component;
}

/* The old instance that the new one replaces, or NULL. If several instances are alike, the n-th of
 * the new chain replaces the n-th of the old one. */
static struct instance *find_replaced(const struct builder *b, const struct maker_order *order,
                                      bool (*is_alike)(const struct instance *instance,
                                                       const struct maker_order *order))
{
	size_t to_skip = 0;

	for (size_t i = 0; i < b->chain->n; i++)
		to_skip += is_alike(b->chain->items[i], order);
	for (size_t i = 0; b->before && i < b->before->n; i++) {
		if (!is_alike(b->before->items[i], order))
			continue;
		if (to_skip == 0)
			return b->before->items[i];
		to_skip--;
	}
	return NULL;
}

/* The new instance may look into an old one of the same code. An old one of another build may have
 * another state, so the new one gets only what it hands on. */
static void find_inheritance(const struct builder *b, struct maker_order *order)
{
	struct instance *kin = find_replaced(b, order, is_kin);

	order->previous = find_replaced(b, order, is_same_code);
	order->inherits = kin ? &kin->hand_on : NULL;
}

/* ---- its component ---- */

/* Returns what the operator should use on this side; "": not known. */
static const char *find_remedy(const char *use, unsigned role)
{
	for (size_t i = 0; i < n_shorthand_counterparts; i++) {
		const struct shorthand_counterpart *row = &shorthand_counterparts[i];

		if (row->role == role && strcmp(row->use, use) == 0)
			return row->remedy;
	}
	return "";
}

static void report_wrong_side(struct builder *b, const struct config_instance *entry)
{
	unsigned role = b->set->config->role;
	const char *remedy = find_remedy(entry->use, role);

	diag_add(b->diag, maker_use_node(entry->node), "plugin %s has no %s side%s%s", entry->use,
	         role == ROLE_SERVER ? "server" : "client", *remedy ? ": " : "", remedy);
}

/* Finds the component that the entry names. False: it has none, which has been reported. */
static bool find_component(struct builder *b, struct maker_order *order)
{
	const struct config_instance *entry = order->entry;
	uint32_t role = b->set->config->role == ROLE_SERVER ? SPORE_ROLE_SERVER : SPORE_ROLE_CLIENT;
	struct err err;

	if (!entry->use) /* the configuration's reader has reported that */
		return false;
	order->component = registry_find(b->spec->registry, b->row->kind, entry->use,
	                                 &order->plugin, &err);
	if (!order->component) {
		diag_add(b->diag, maker_use_node(entry->node), "%s", err.text);
		return false;
	}
	if (!(kind_roles(order->component) & role)) {
		report_wrong_side(b, entry);
		return false;
	}
	return true;
}

/* ---- addresses where it listens ---- */

/* Two instances at one address would get each other's connections. The host shares a socket only
 * between an instance and the one that replaces it. */
static void refuse_shared_listener(struct builder *b, const struct instance *instance,
                                   const struct chain *chain)
{
	char address[ADDR_TEXT_SIZE], pointer[128];

	for (size_t i = 0; chain && i < chain->n; i++) {
		const spore_addr *common = listeners_common(&instance->listeners,
		                                            &chain->items[i]->listeners);

		if (!common)
			continue;
		json_pointer(chain->items[i]->raw, pointer, sizeof pointer);
		diag_add(b->diag, instance->raw,
		         "expected an address of its own to listen at, found %s, as in %s",
		         addr_format(common, address), pointer);
		return;
	}
}

/* The socket of a port of the server: where it is bound, and what to call it. */
struct server_port {
	const spore_list *addresses; /* of spore_addr */
	int64_t port;
	const char *name;
};

/* The server's socket at this port could not be bound. */
static void refuse_port(struct builder *b, const struct instance *instance,
                        const struct server_port *taken)
{
	const spore_addr *addresses = taken->addresses->items;
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < taken->addresses->count; i++) {
		spore_addr address = addresses[i];

		address.port = (uint16_t)taken->port;
		if (!listeners_overlap(&instance->listeners, &address))
			continue;
		diag_add(b->diag, instance->raw,
		         "expected an address of its own to listen at, found that of %s, %s",
		         taken->name, addr_format(&address, text));
		return;
	}
}

static void refuse_ports_of_server(struct builder *b, const struct instance *instance)
{
	const struct settings *settings = &b->set->config->settings;
	const struct server_settings *server = &settings->server;
	const struct public_settings *entry = settings->public.items;
	struct server_port taken = { &server->bind_addr, server->control_port, "the control port" };

	if (b->set->config->role != ROLE_SERVER)
		return;
	refuse_port(b, instance, &taken);
	for (size_t i = 0; i < settings->public.count; i++, entry++) {
		char name[64];

		snprintf(name, sizeof name, "the listen_port of /public/%zu", i);
		taken.addresses = entry->listen_addr.count ? &entry->listen_addr
		                                           : &server->bind_tunnels;
		taken.port = entry->listen_port;
		taken.name = name;
		if (entry->listen_port)
			refuse_port(b, instance, &taken);
	}
}

/* ---- building ---- */

/* A visitor's stream goes to the worker of its client's connection. */
static void refuse_immovable(struct builder *b, const struct instance *instance)
{
	bool is_public = b->row == &public_chain_rows[PUBLIC_TRANSPORT] ||
	                 b->row == &shared_transport_row;

	if (is_public && !transport_can_move(instance))
		diag_add(b->diag, maker_use_node(instance->raw),
		         "expected a transport whose connections can move between workers, which "
		         "those of %s cannot",
		         instance->name);
}

static struct instance *build_instance(struct builder *b, const struct config_instance *entry)
{
	struct maker maker = { b->set->config, b->spec->retirer, b->spec->n_workers, b->diag };
	struct maker_order order = { .row = b->row,
		                     .entry = entry,
		                     .conn_attrs = b->below ? b->below->conn_attrs : NULL,
		                     .may_be_secure = b->below && b->below->may_be_secure };
	struct instance *instance;

	if (!find_component(b, &order))
		return NULL;
	find_inheritance(b, &order);
	instance = maker_make(&maker, &order);
	if (!instance)
		return NULL;
	for (size_t i = 0; i < b->set->config->n_chains; i++)
		refuse_shared_listener(b, instance, b->set->chains[i]);
	refuse_shared_listener(b, instance, b->chain);
	refuse_ports_of_server(b, instance);
	refuse_immovable(b, instance);
	return instance;
}

/* The chain at this position that is replaced; NULL: there is none. */
static const struct chain *find_before(const struct plugin_set *previous, size_t id)
{
	return previous && id < previous->config->n_chains ? previous->chains[id] : NULL;
}

static struct chain *build_chain(struct builder *b, size_t id)
{
	const struct config_chain *from = &b->set->config->chains[id];
	struct chain *chain = chain_new(from->n);

	if (!chain) {
		diag_add(b->diag, NULL, "out of memory");
		return NULL;
	}
	b->row = from->row;
	b->chain = chain;
	b->before = find_before(b->spec->previous, id);
	b->below = chain_below(id) == id ? NULL : b->set->chains[chain_below(id)];
	for (size_t i = 0; i < from->n; i++) {
		struct instance *instance = build_instance(b, &from->items[i]);

		if (instance)
			chain->items[chain->n++] = instance;
	}
	return chain;
}

/* What the instances above the transports may learn from them. */
static void look_at_transports(struct chain *chain, const struct builder *b, size_t id)
{
	if (chain && chain->n < b->set->config->chains[id].n)
		chain->may_be_secure = true; /* perhaps by the one that has a mistake */
	else if (chain)
		transport_look_at(chain, b->set->config->doc);
}

/* All secrets of the file are marked now. A renewal reads values of the document again while other
 * threads read the document, so it must not mark anything. */
static void note_that_all_is_read(const struct config *config)
{
	struct json_source *source = json_doc_root(config->doc)->source;

	if (source)
		source->is_read = true;
}

struct plugin_set *set_builder_build(const struct plugin_set_spec *spec, struct diag *diag)
{
	struct plugin_set *set = plugin_set_new(spec->config);
	struct builder b = { .set = set, .spec = spec, .diag = diag };
	unsigned before = diag->count;

	if (!set) {
		diag_add(diag, NULL, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < set->config->n_chains; i++) {
		set->chains[i] = build_chain(&b, i);
		if (chain_below(i) == i) /* it comes first, since the others depend on it */
			look_at_transports(set->chains[i], &b, i);
	}
	if (diag->count > before) {
		plugin_set_unref(set);
		return NULL;
	}
	note_that_all_is_read(set->config);
	plugin_set_complete(set);
	return set;
}
