#include "chain/plugin_set.h"

#include <spore/auth.h>
#include <spore/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/maker.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "host/listeners.h"
#include "net/addr.h"
#include "plugin/kind.h"
#include "thread/guest.h"
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

/* Can the transport's streams know something that it does not declare? */
static bool hides_facts(const spore_transport_ops *ops)
{
	return !SPORE_CAN(ops, attr_keys) && ops->stream_ops && SPORE_CAN(ops->stream_ops, attr);
}

static size_t count_keys(const spore_transport_ops *ops)
{
	size_t n = 0;

	while (SPORE_CAN(ops, attr_keys) && ops->attr_keys[n])
		n++;
	return n;
}

/* Can a stream of this instance have a value for the key, which its component declares? */
static bool may_know(const struct instance *instance, const char *key)
{
	const spore_transport_ops *ops = instance->component->ops;
	bool may;

	if (!SPORE_CAN(ops, may_know))
		return true;
	guest_enter(instance->name, "may_know");
	may = ops->may_know(instance->self, key) != 0;
	guest_leave();
	return may;
}

/* Sets conn_attrs to what the transports can tell about a connection. It stays NULL, which means
 * unknown, if a transport hides facts or memory is out. */
static void gather_facts(const struct plugin_set *set, struct chain *chain)
{
	size_t n = 0, room = 1;

	for (size_t i = 0; i < chain->n; i++) {
		if (hides_facts(chain->items[i]->component->ops))
			return;
		room += count_keys(chain->items[i]->component->ops);
	}
	chain->conn_attrs = json_doc_alloc(set->config->doc, room * sizeof *chain->conn_attrs);
	for (size_t i = 0; chain->conn_attrs && i < chain->n; i++) {
		const spore_transport_ops *ops = chain->items[i]->component->ops;
		size_t n_keys = count_keys(ops);

		for (size_t k = 0; k < n_keys; k++) {
			if (may_know(chain->items[i], ops->attr_keys[k]))
				chain->conn_attrs[n++] = ops->attr_keys[k];
		}
	}
}

static bool may_be_secure(const struct instance *transport)
{
	const spore_transport_ops *ops = transport->component->ops;
	bool may = ops->flags & SPORE_TRANSPORTF_SECURE;

	if (!may || !SPORE_CAN(ops, may_be_secure))
		return may;
	guest_enter(transport->name, "may_be_secure");
	may = ops->may_be_secure(transport->self) != 0;
	guest_leave();
	return may;
}

static bool has_secure_transport(const struct chain *chain)
{
	for (size_t i = 0; i < chain->n; i++) {
		if (may_be_secure(chain->items[i]))
			return true;
	}
	return false;
}

static void look_at_transports(const struct plugin_set *set, size_t id)
{
	struct chain *chain = set->chains[id];

	if (!chain)
		return;
	if (chain->n < set->config->chains[id].n) {
		chain->may_be_secure = true; /* perhaps by the one that has a mistake */
		return;
	}
	gather_facts(set, chain);
	chain->may_be_secure = has_secure_transport(chain);
}

/* A stack of streams moves to another worker only if all of them can. */
static bool can_move(const spore_transport_ops *ops)
{
	const spore_stream_ops *stream = ops->stream_ops;

	return !stream || (SPORE_CAN(stream, detach) && SPORE_CAN(stream, attach));
}

/* A visitor's stream goes to the worker of its client's connection. */
static void refuse_immovable(struct builder *b, const struct instance *instance)
{
	bool is_public = b->row == &public_chain_rows[PUBLIC_TRANSPORT] ||
	                 b->row == &shared_transport_row;

	if (is_public && !can_move(instance->component->ops))
		diag_add(b->diag, maker_use_node(instance->raw),
		         "expected a transport whose connections can move between workers, which "
		         "those of %s cannot",
		         instance->name);
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

static struct chain *new_chain(size_t most)
{
	struct chain *chain = calloc(1, sizeof *chain + most * sizeof(struct instance *));

	if (chain)
		atomic_init(&chain->refs, 1);
	return chain;
}

/* The chain at this position that is replaced; NULL: there is none. */
static const struct chain *find_before(const struct plugin_set *previous, size_t id)
{
	return previous && id < previous->config->n_chains ? previous->chains[id] : NULL;
}

static struct chain *build_chain(struct builder *b, size_t id)
{
	const struct config_chain *from = &b->set->config->chains[id];
	struct chain *chain = new_chain(from->n);

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

/* The lower half of a value of needs_challenge() says what the instance needs, the upper half what
 * it accepts. */
enum { NEEDS_MASK = 0xFFFF, ACCEPTS_SHIFT = 16 };

/* Sets what the auth instances together need of a challenge, and accept as its answer. */
static void sum_challenges(struct plugin_set *set)
{
	const struct chain *auth = set->chains[CHAIN_AUTH];

	for (size_t i = 0; i < auth->n; i++) {
		uint32_t needs = auth->items[i]->challenge & NEEDS_MASK;

		set->needs_challenge = set->needs_challenge || needs != SPORE_CHALLENGE_NONE;
		set->binds = set->binds || needs == SPORE_CHALLENGE_BINDS;
		set->accepts |= auth->items[i]->challenge >> ACCEPTS_SHIFT &
		                (SPORE_OFFER_SIGNATURES | SPORE_OFFER_PASSWORDS);
	}
}

/* All secrets of the file are marked now. A renewal reads values of the document again while other
 * threads read the document, so it must not mark anything. */
static void note_that_all_is_read(const struct config *config)
{
	struct json_source *source = json_doc_root(config->doc)->source;

	if (source)
		source->is_read = true;
}

/* A set without chains. NULL: out of memory. */
static struct plugin_set *new_set(struct config *config)
{
	struct plugin_set *set = calloc(1, sizeof *set);

	if (set)
		set->chains = calloc(config->n_chains, sizeof(struct chain *));
	if (!set || !set->chains) {
		free(set);
		return NULL;
	}
	atomic_init(&set->refs, 1);
	set->config = config_ref(config);
	return set;
}

struct plugin_set *plugin_set_new(const struct plugin_set_spec *spec, struct diag *diag)
{
	struct plugin_set *set = new_set(spec->config);
	struct builder b = { .set = set, .spec = spec, .diag = diag };
	unsigned before = diag->count;

	if (!set) {
		diag_add(diag, NULL, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < set->config->n_chains; i++) {
		set->chains[i] = build_chain(&b, i);
		if (chain_below(i) == i) /* it comes first, since the others depend on it */
			look_at_transports(set, i);
	}
	if (diag->count > before) {
		plugin_set_unref(set);
		return NULL;
	}
	note_that_all_is_read(set->config);
	sum_challenges(set);
	return set;
}

/* ---- the same set with other instances ---- */

static struct instance *find_fresh(const struct plugin_swap *swaps, size_t n,
                                   const struct instance *old)
{
	for (size_t i = 0; i < n; i++) {
		if (swaps[i].old == old && swaps[i].fresh)
			return swaps[i].fresh;
	}
	return NULL;
}

/* Returns a reference to a copy of the chain, or to the chain itself if nothing in it is replaced.
 * NULL: out of memory. */
static struct chain *swap_in_chain(struct chain *from, const struct plugin_swap *swaps, size_t n)
{
	struct chain *chain;
	bool is_same = true;

	for (size_t i = 0; i < from->n; i++)
		is_same = is_same && !find_fresh(swaps, n, from->items[i]);
	if (is_same)
		return chain_ref(from);
	chain = new_chain(from->n);
	if (chain) {
		chain->conn_attrs = from->conn_attrs;
		chain->may_be_secure = from->may_be_secure;
	}
	for (size_t i = 0; chain && i < from->n; i++) {
		struct instance *fresh = find_fresh(swaps, n, from->items[i]);

		chain->items[chain->n++] = instance_ref(fresh ? fresh : from->items[i]);
	}
	return chain;
}

struct plugin_set *plugin_set_swap(const struct plugin_set *from, const struct plugin_swap *swaps,
                                   size_t n)
{
	struct plugin_set *set = new_set(from->config);
	bool is_complete = true;

	if (!set)
		return NULL;
	for (size_t i = 0; i < set->config->n_chains; i++) {
		set->chains[i] = swap_in_chain(from->chains[i], swaps, n);
		is_complete = is_complete && set->chains[i];
	}
	if (!is_complete) {
		plugin_set_unref(set);
		return NULL;
	}
	sum_challenges(set);
	return set;
}

bool plugin_set_has(const struct plugin_set *set, const struct instance *instance)
{
	for (size_t id = 0; id < set->config->n_chains; id++) {
		const struct chain *chain = set->chains[id];

		for (size_t i = 0; chain && i < chain->n; i++) {
			if (chain->items[i] == instance)
				return true;
		}
	}
	return false;
}

bool plugin_set_judges_alike(const struct plugin_set *set, const struct plugin_set *before,
                             const struct instance *by)
{
	const struct chain *now = set->chains[CHAIN_AUTH], *then = before->chains[CHAIN_AUTH];

	if (!by)
		return now->n == 0 && then->n == 0;
	for (size_t i = 0; i < now->n && i < then->n && now->items[i] == then->items[i]; i++) {
		if (now->items[i] == by)
			return true;
	}
	return false;
}

static bool start_chain(const struct chain *chain, struct loop *const *loops, struct err *err)
{
	for (size_t i = 0; i < chain->n; i++) {
		if (!instance_start(chain->items[i], loops, err))
			return false;
	}
	return true;
}

static bool await_chain(const struct chain *chain, const struct patience *patience, struct err *err)
{
	for (size_t i = 0; i < chain->n; i++) {
		if (!instance_await(chain->items[i], patience, err))
			return false;
	}
	return true;
}

/* All are started before the first is awaited, so that they become ready side by side. */
bool plugin_set_start(struct plugin_set *set, bool exporters, struct loop *const *loops,
                      const struct patience *patience, struct err *err)
{
	bool good = true;

	for (size_t i = 0; i < set->config->n_chains && good; i++) {
		if (exporters || !set->config->chains[i].row->exports)
			good = start_chain(set->chains[i], loops, err);
	}
	for (size_t i = 0; i < set->config->n_chains && good; i++)
		good = await_chain(set->chains[i], patience, err);
	return good;
}

void plugin_set_end_exporters(struct plugin_set *set)
{
	for (size_t i = 0; i < N_CHAINS; i++) {
		if (!chain_rows[i].exports)
			continue;
		chain_unref(set->chains[i]);
		set->chains[i] = NULL;
	}
}

/* A chain of the instances that do not listen. NULL: out of memory. */
static struct chain *copy_without_listeners(const struct chain *from)
{
	struct chain *chain = new_chain(from->n);

	for (size_t i = 0; chain && i < from->n; i++) {
		if (!listeners_has(&from->items[i]->listeners))
			chain->items[chain->n++] = instance_ref(from->items[i]);
	}
	return chain;
}

void plugin_set_end_listeners(struct plugin_set *set)
{
	for (size_t i = 0; i < N_CHAINS; i++) {
		struct chain *old = set->chains[i], *rest;

		if (!chain_rows[i].exports || !old)
			continue;
		rest = copy_without_listeners(old);
		if (!rest)
			continue;
		set->chains[i] = rest;
		chain_unref(old);
	}
}

struct chain *chain_ref(struct chain *chain)
{
	atomic_fetch_add_explicit(&chain->refs, 1, memory_order_relaxed);
	return chain;
}

void chain_unref(struct chain *chain)
{
	if (!chain || atomic_fetch_sub_explicit(&chain->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < chain->n; i++)
		instance_unref(chain->items[i]);
	free(chain);
}

struct plugin_set *plugin_set_ref(struct plugin_set *set)
{
	atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void plugin_set_unref(struct plugin_set *set)
{
	if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < set->config->n_chains; i++)
		chain_unref(set->chains[i]);
	free(set->chains);
	diag_fini(&set->doubts);
	config_unref(set->config);
	free(set);
}
