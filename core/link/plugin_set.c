#include "link/plugin_set.h"

#include <spore/auth.h>
#include <stdlib.h>

#include "base/guest.h"
#include "base/json.h"
#include "config/shorthands.h"

struct builder {
	struct plugin_set *set;
	struct registry *registry;
	unsigned n_workers;
	struct diag *diag;
	const struct json *node; /* of the instance being built */
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

static struct instance *build(struct builder *b, uint32_t kind, const struct config_instance *entry)
{
	unsigned role = b->set->config->role;
	struct instance_spec spec = {
		.name = entry->name,
		.raw = entry->node,
		.role = role == ROLE_SERVER ? SPORE_ROLE_SERVER : SPORE_ROLE_CLIENT,
		.report = on_report,
		.report_arg = b,
	};
	struct option_scope scope = { b->set->config->doc, b->diag, b->set->config->folder,
		                      config_instance_keys };
	struct option_table table;
	struct instance *instance;
	struct err err;

	b->node = entry->node;
	spec.component = registry_find(b->registry, kind, entry->use, &spec.plugin, &err);
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
	instance = instance_new(&spec, b->n_workers, &err);
	if (!instance && err.text[0])
		diag_add(b->diag, use_node(entry->node), "%s", err.text);
	if (instance)
		instance->continue_on_error = entry->continue_on_error;
	return instance;
}

static void build_chain(struct builder *b, uint32_t kind, const struct config_chain *from,
                        struct chain *to)
{
	to->items = calloc(from->n + 1, sizeof *to->items);
	if (!to->items) {
		diag_add(b->diag, NULL, "out of memory");
		return;
	}
	for (size_t i = 0; i < from->n; i++) {
		struct instance *instance = build(b, kind, &from->items[i]);

		if (instance)
			to->items[to->n++] = instance;
	}
}

static void ask_for_challenges(struct plugin_set *set)
{
	for (size_t i = 0; i < set->auth.n; i++) {
		struct instance *instance = set->auth.items[i];
		const spore_auth_ops *ops = instance->component->ops;

		guest_enter(instance->name);
		instance->needs_challenge = !SPORE_CAN(ops, needs_challenge) ||
		                            ops->needs_challenge(instance->self);
		guest_leave();
		set->needs_challenge = set->needs_challenge || instance->needs_challenge;
	}
}

struct plugin_set *plugin_set_new(struct config *config, struct registry *registry, unsigned n_workers,
                                  struct diag *diag)
{
	struct plugin_set *set = calloc(1, sizeof *set);
	struct builder b = { set, registry, n_workers, diag, NULL };
	unsigned before = diag->count;

	if (!set) {
		diag_add(diag, NULL, "out of memory");
		return NULL;
	}
	set->config = config_ref(config);
	build_chain(&b, SPORE_KIND_TRANSPORT, &config->transport, &set->transport);
	build_chain(&b, SPORE_KIND_AUTH, &config->auth, &set->auth);
	build_chain(&b, SPORE_KIND_ACL, &config->acl_control, &set->acl_control);
	build_chain(&b, SPORE_KIND_ACL, &config->acl_public, &set->acl_public);
	build_chain(&b, SPORE_KIND_METRICS, &config->metrics, &set->metrics);
	if (diag->count > before) {
		plugin_set_free(set);
		return NULL;
	}
	ask_for_challenges(set);
	return set;
}

/* Calls fn on the chains, lowest first, until one says no. */
static bool each_chain(struct plugin_set *set, bool (*fn)(struct chain *chain, void *arg), void *arg)
{
	return fn(&set->transport, arg) && fn(&set->auth, arg) && fn(&set->acl_control, arg) &&
	       fn(&set->acl_public, arg) && fn(&set->metrics, arg);
}

struct start_args {
	struct loop *const *loops;
	struct err *err;
};

static bool start_chain(struct chain *chain, void *arg)
{
	struct start_args *args = arg;

	for (size_t i = 0; i < chain->n; i++) {
		if (!instance_start(chain->items[i], args->loops, args->err))
			return false;
	}
	return true;
}

bool plugin_set_start(struct plugin_set *set, struct loop *const *loops, struct err *err)
{
	return each_chain(set, start_chain, &(struct start_args){ loops, err });
}

struct stop_args {
	int64_t wait_ms;
	bool idle;
};

static bool stop_chain(struct chain *chain, void *arg)
{
	struct stop_args *args = arg;

	for (size_t i = 0; i < chain->n; i++)
		args->idle = instance_stop(chain->items[i], args->wait_ms) && args->idle;
	return true;
}

bool plugin_set_stop(struct plugin_set *set, int64_t wait_ms)
{
	struct stop_args args = { wait_ms, true };

	each_chain(set, stop_chain, &args);
	return args.idle;
}

static bool free_chain(struct chain *chain, void *unused)
{
	(void)unused;
	for (size_t i = 0; i < chain->n; i++)
		instance_free(chain->items[i]);
	free(chain->items);
	return true;
}

void plugin_set_free(struct plugin_set *set)
{
	if (!set)
		return;
	each_chain(set, free_chain, NULL);
	config_unref(set->config);
	free(set);
}
