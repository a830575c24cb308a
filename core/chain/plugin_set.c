#include "chain/plugin_set.h"

#include <spore/auth.h>
#include <stdlib.h>
#include <string.h>

#include "chain/retirer.h"
#include "config/shorthands.h"
#include "host/host.h"
#include "plugin/kind.h"
#include "thread/guest.h"
#include "json/json.h"

struct builder {
	struct plugin_set *set;
	const struct plugin_set_spec *spec;
	struct diag *diag;
	const struct chain_row *row; /* of the chain that is being built */
	const struct chain *chain;   /* its instances so far */
	const struct chain *before;  /* the chain that it replaces, or NULL */
	const struct json *node;     /* of the instance that is being built */
};

static void on_report(void *arg, const char *pointer, const char *text)
{
	struct builder *b = arg;

	diag_add_below(b->diag, b->node, pointer, text);
}

/* Where to report a mistake that concerns the plugin: at "use", if it is in the file. */
static const struct json *use_node(const struct json *node)
{
	const struct json *use = json_get(node, "use");

	return use && use->source && use->source->text ? use : node;
}

/* Of the same name, and the same component of the same plugin, perhaps of another build. */
static bool is_kin(const struct instance *instance, const struct instance_spec *spec)
{
	return strcmp(instance->name, spec->name) == 0 &&
	       strcmp(instance->component->name, spec->component->name) == 0 &&
	       strcmp(instance->plugin->note.plugin, spec->plugin->note.plugin) == 0;
}

static bool is_same_code(const struct instance *instance, const struct instance_spec *spec)
{
	return is_kin(instance, spec) && instance->component == spec->component;
}

/* The old instance that the new one replaces, or NULL. If there are several, the n-th replaces the
 * n-th. */
static struct instance *find_replaced(const struct builder *b, const struct instance_spec *spec,
                                      bool (*is_alike)(const struct instance *instance,
                                                       const struct instance_spec *spec))
{
	size_t skip = 0;

	for (size_t i = 0; i < b->chain->n; i++)
		skip += is_alike(b->chain->items[i], spec);
	for (size_t i = 0; b->before && i < b->before->n; i++) {
		if (is_alike(b->before->items[i], spec) && skip-- == 0)
			return b->before->items[i];
	}
	return NULL;
}

/* The new instance may look into one of the same code. From another build, which may have another
 * state, it gets only what that one hands on. */
static void find_inheritance(const struct builder *b, struct instance_spec *spec)
{
	const struct instance *previous = find_replaced(b, spec, is_same_code);
	struct instance *kin = find_replaced(b, spec, is_kin);

	spec->previous = previous ? previous->self : NULL;
	spec->inherits = kin ? &kin->hand_on : NULL;
}

/* Finds the component that the entry names. False: it has none, which has been reported. */
static bool find_component(struct builder *b, const struct config_instance *entry,
                           struct instance_spec *spec)
{
	struct err err;

	if (!entry->use) /* the configuration's reader has reported that */
		return false;
	spec->component = registry_find(b->spec->registry, b->row->kind, entry->use, &spec->plugin,
	                                &err);
	if (!spec->component) {
		diag_add(b->diag, use_node(entry->node), "%s", err.text);
		return false;
	}
	if (!(kind_roles(spec->component) & spec->role)) {
		diag_add(b->diag, use_node(entry->node), "plugin %s has no %s side", entry->use,
		         spec->role == SPORE_ROLE_SERVER ? "server" : "client");
		return false;
	}
	return true;
}

/* Fills the plugin's options. False: mistakes have been reported. */
static bool fill_conf(struct builder *b, const struct config_instance *entry,
                      struct instance_spec *spec)
{
	const spore_component *component = spec->component;
	struct config *config = b->set->config;
	struct option_scope scope = { config->doc, b->diag, config->folder, config_instance_keys,
		                      &config->files };
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };

	spec->conf = calloc(1, component->conf_size + 1);
	if (!spec->conf)
		diag_add(b->diag, NULL, "out of memory");
	else if (option_fill(&scope, &table, entry->node, spec->conf))
		return true;
	free(spec->conf);
	return false;
}

static struct instance *build_instance(struct builder *b, const struct config_instance *entry)
{
	struct instance_spec spec = {
		.name = entry->name,
		.raw = entry->node,
		.role = b->set->config->role == ROLE_SERVER ? SPORE_ROLE_SERVER : SPORE_ROLE_CLIENT,
		.point = b->row->point,
		.host = host_table(),
		.metrics = host_metrics(),
		.resolver = host_resolver(),
		.report = on_report,
		.report_arg = b,
	};
	struct instance *instance;
	struct err err;

	b->node = entry->node;
	if (!find_component(b, entry, &spec) || !fill_conf(b, entry, &spec))
		return NULL;
	find_inheritance(b, &spec);
	instance = instance_new(&spec, b->spec->n_workers, &err);
	if (!instance && err.text[0])
		diag_add(b->diag, use_node(entry->node), "%s", err.text);
	if (instance)
		instance->continue_on_error = entry->continue_on_error;
	return instance;
}

/* Hands the instance to the retirer, which ends it with its last reference. */
static bool adopt_instance(struct builder *b, struct instance *instance)
{
	if (retirer_adopt(b->spec->retirer, instance, b->set->config))
		return true;
	instance_free(instance);
	diag_add(b->diag, NULL, "out of memory");
	return false;
}

static struct chain *build_chain(struct builder *b, enum chain_id id)
{
	const struct config_chain *from = &b->set->config->chains[id];
	struct chain *chain = calloc(1, sizeof *chain + from->n * sizeof(struct instance *));

	if (!chain) {
		diag_add(b->diag, NULL, "out of memory");
		return NULL;
	}
	atomic_init(&chain->refs, 1);
	b->row = &chain_rows[id];
	b->chain = chain;
	b->before = b->spec->previous ? b->spec->previous->chains[id] : NULL;
	for (size_t i = 0; i < from->n; i++) {
		struct instance *instance = build_instance(b, &from->items[i]);

		if (instance && adopt_instance(b, instance))
			chain->items[chain->n++] = instance;
	}
	return chain;
}

/* Asks each auth instance what it needs of the challenge. */
static void ask_for_challenges(struct plugin_set *set)
{
	const struct chain *auth = set->chains[CHAIN_AUTH];

	for (size_t i = 0; i < auth->n; i++) {
		struct instance *instance = auth->items[i];
		const spore_auth_ops *ops = instance->component->ops;
		uint32_t wants = SPORE_CHALLENGE_PLAIN;

		if (SPORE_CAN(ops, needs_challenge)) {
			guest_enter(instance->name, "needs_challenge");
			wants = ops->needs_challenge(instance->self);
			guest_leave();
		}
		instance->needs_challenge = wants != SPORE_CHALLENGE_NONE;
		set->needs_challenge = set->needs_challenge || instance->needs_challenge;
		set->binds = set->binds || wants == SPORE_CHALLENGE_BINDS;
	}
}

struct plugin_set *plugin_set_new(const struct plugin_set_spec *spec, struct diag *diag)
{
	struct plugin_set *set = calloc(1, sizeof *set);
	struct builder b = { .set = set, .spec = spec, .diag = diag };
	unsigned before = diag->count;

	if (!set) {
		diag_add(diag, NULL, "out of memory");
		return NULL;
	}
	atomic_init(&set->refs, 1);
	set->config = config_ref(spec->config);
	for (size_t i = 0; i < N_CHAINS; i++)
		set->chains[i] = build_chain(&b, (enum chain_id)i);
	if (diag->count > before) {
		plugin_set_unref(set);
		return NULL;
	}
	ask_for_challenges(set);
	return set;
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

/* The instances become ready side by side. */
bool plugin_set_start(struct plugin_set *set, bool exporters, struct loop *const *loops,
                      const struct patience *patience, struct err *err)
{
	bool good = true;

	for (size_t i = 0; i < N_CHAINS && good; i++) {
		if (exporters || !chain_rows[i].exports)
			good = start_chain(set->chains[i], loops, err);
	}
	for (size_t i = 0; i < N_CHAINS && good; i++)
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
	for (size_t i = 0; i < N_CHAINS; i++)
		chain_unref(set->chains[i]);
	config_unref(set->config);
	free(set);
}
