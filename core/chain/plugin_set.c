#include "chain/plugin_set.h"

#include <spore/acl.h>
#include <spore/auth.h>
#include <stdlib.h>
#include <string.h>

#include "chain/retirer.h"
#include "config/shorthands.h"
#include "thread/guest.h"
#include "json/json.h"

struct builder {
	struct plugin_set *set;
	const struct plugin_set_spec *spec;
	struct diag *diag;
	const struct json *node;    /* of the instance being built */
	const struct chain *chain;  /* as far as it has come ... */
	const struct chain *before; /* ... and the one whose place it takes, or NULL */
	uint32_t point;             /* that its chain stands at, if it is an access list */
};

static void on_report(void *arg, const char *pointer, const char *text)
{
	struct builder *b = arg;

	diag_add_below(b->diag, b->node, pointer, text);
}

/* An instance's place in the file says more than its section's. */
static const struct json *use_node(const struct json *node)
{
	const struct json *use = json_get(node, "use");

	return use && use->source && use->source->text ? use : node;
}

static bool serves_role(const spore_component *component, unsigned role)
{
	const spore_auth_ops *ops = component->ops;

	if (component->kind != SPORE_KIND_AUTH)
		return true;
	return role == ROLE_SERVER ? SPORE_CAN(ops, verify) : SPORE_CAN(ops, answer);
}

static bool is_alike(const struct instance *instance, const struct instance_spec *spec)
{
	return instance->component == spec->component && strcmp(instance->name, spec->name) == 0;
}

/* Of the same name, and of the very same code: another build may keep its state in another way.
 * Where more than one has the name, the first follows on the first, the second on the second. */
static const void *find_previous(const struct builder *b, const struct instance_spec *spec)
{
	size_t skip = 0;

	for (size_t i = 0; i < b->chain->n; i++)
		skip += is_alike(b->chain->items[i], spec);
	for (size_t i = 0; b->before && i < b->before->n; i++) {
		if (is_alike(b->before->items[i], spec) && skip-- == 0)
			return b->before->items[i]->self;
	}
	return NULL;
}

static struct instance *build(struct builder *b, uint32_t kind, const struct config_instance *entry)
{
	unsigned role = b->set->config->role;
	struct instance_spec spec = {
		.name = entry->name,
		.raw = entry->node,
		.role = role == ROLE_SERVER ? SPORE_ROLE_SERVER : SPORE_ROLE_CLIENT,
		.point = b->point,
		.report = on_report,
		.report_arg = b,
	};
	struct option_scope scope = { b->set->config->doc, b->diag, b->set->config->folder,
		                      config_instance_keys, &b->set->config->files };
	struct option_table table;
	struct instance *instance;
	struct err err;

	b->node = entry->node;
	if (!entry->use) /* which has been reported */
		return NULL;
	spec.component = registry_find(b->spec->registry, kind, entry->use, &spec.plugin, &err);
	if (!spec.component) {
		diag_add(b->diag, use_node(entry->node), "%s", err.text);
		return NULL;
	}
	if (!serves_role(spec.component, role)) {
		diag_add(b->diag, use_node(entry->node), "plugin %s has no %s side", entry->use,
		         role == ROLE_SERVER ? "server" : "client");
		return NULL;
	}
	table = (struct option_table){ spec.component->options, spec.component->n_options,
		                       spec.component->option_size };
	spec.conf = calloc(1, spec.component->conf_size + 1);
	if (!spec.conf || !option_fill(&scope, &table, entry->node, spec.conf)) {
		free(spec.conf);
		return NULL;
	}
	spec.previous = find_previous(b, &spec);
	instance = instance_new(&spec, b->spec->n_workers, &err);
	if (!instance && err.text[0])
		diag_add(b->diag, use_node(entry->node), "%s", err.text);
	if (instance)
		instance->continue_on_error = entry->continue_on_error;
	return instance;
}

/* Adopted by the retirer, so that it has an end whatever comes. */
static bool adopt(struct builder *b, struct instance *instance)
{
	if (retirer_adopt(b->spec->retirer, instance, b->set->config))
		return true;
	instance_free(instance);
	diag_add(b->diag, NULL, "out of memory");
	return false;
}

static struct chain *build_chain(struct builder *b, uint32_t kind, const struct config_chain *from,
                                 const struct chain *before)
{
	struct chain *chain = calloc(1, sizeof *chain + from->n * sizeof(struct instance *));

	if (!chain) {
		diag_add(b->diag, NULL, "out of memory");
		return NULL;
	}
	atomic_init(&chain->refs, 1);
	b->chain = chain;
	b->before = before;
	for (size_t i = 0; i < from->n; i++) {
		struct instance *instance = build(b, kind, &from->items[i]);

		if (instance && adopt(b, instance))
			chain->items[chain->n++] = instance;
	}
	return chain;
}

static void ask_for_challenges(struct plugin_set *set)
{
	for (size_t i = 0; i < set->auth->n; i++) {
		struct instance *instance = set->auth->items[i];
		const spore_auth_ops *ops = instance->component->ops;
		uint32_t wants = SPORE_CAN(ops, needs_challenge)
		                         ? ops->needs_challenge(instance->self)
		                         : SPORE_CHALLENGE_PLAIN;

		instance->needs_challenge = wants != SPORE_CHALLENGE_NONE;
		set->needs_challenge = set->needs_challenge || instance->needs_challenge;
		set->binds = set->binds || wants == SPORE_CHALLENGE_BINDS;
	}
}

struct plugin_set *plugin_set_new(const struct plugin_set_spec *spec, struct diag *diag)
{
	static const struct plugin_set none = { 0 };
	const struct plugin_set *old = spec->previous ? spec->previous : &none;
	struct config *config = spec->config;
	struct plugin_set *set = calloc(1, sizeof *set);
	struct builder b = { .set = set, .spec = spec, .diag = diag };
	unsigned before = diag->count;

	if (!set) {
		diag_add(diag, NULL, "out of memory");
		return NULL;
	}
	atomic_init(&set->refs, 1);
	set->config = config_ref(config);
	set->transport = build_chain(&b, SPORE_KIND_TRANSPORT, &config->transport, old->transport);
	set->auth = build_chain(&b, SPORE_KIND_AUTH, &config->auth, old->auth);
	b.point = SPORE_ACL_AT_CONTROL;
	set->acl_control = build_chain(&b, SPORE_KIND_ACL, &config->acl_control, old->acl_control);
	b.point = SPORE_ACL_AT_PUBLIC;
	set->acl_public = build_chain(&b, SPORE_KIND_ACL, &config->acl_public, old->acl_public);
	b.point = 0;
	set->metrics = build_chain(&b, SPORE_KIND_METRICS, &config->metrics, old->metrics);
	if (diag->count > before) {
		plugin_set_unref(set);
		return NULL;
	}
	ask_for_challenges(set);
	return set;
}

static bool start_chain(struct chain *chain, struct loop *const *loops, struct err *err)
{
	for (size_t i = 0; i < chain->n; i++) {
		if (!instance_start(chain->items[i], loops, err))
			return false;
	}
	return true;
}

bool plugin_set_start_but_exporters(struct plugin_set *set, struct loop *const *loops,
                                    struct err *err)
{
	return start_chain(set->transport, loops, err) && start_chain(set->auth, loops, err) &&
	       start_chain(set->acl_control, loops, err) &&
	       start_chain(set->acl_public, loops, err);
}

bool plugin_set_start(struct plugin_set *set, struct loop *const *loops, struct err *err)
{
	return plugin_set_start_but_exporters(set, loops, err) &&
	       start_chain(set->metrics, loops, err);
}

void plugin_set_end_exporters(struct plugin_set *set)
{
	chain_unref(set->metrics);
	set->metrics = NULL;
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
	chain_unref(set->transport);
	chain_unref(set->auth);
	chain_unref(set->acl_control);
	chain_unref(set->acl_public);
	chain_unref(set->metrics);
	config_unref(set->config);
	free(set);
}
