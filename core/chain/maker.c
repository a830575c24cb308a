#include "chain/maker.h"

#include <spore/auth.h>
#include <stdlib.h>
#include <string.h>

#include "chain/config_stamp.h"
#include "chain/event_queue.h"
#include "chain/recheck.h"
#include "chain/retirer.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "host/last_good.h"
#include "services/host.h"
#include "thread/guest.h"

/* Where create() reports its mistakes. */
struct desk {
	struct diag *diag;
	const struct json *node;
};

static void on_report(void *arg, const char *pointer, const char *text)
{
	const struct desk *desk = arg;

	diag_add_below(desk->diag, desk->node, pointer, text);
	if (!*pointer && diag_is_flag(desk->node->source))
		desk->diag->count_lacking++;
}

const struct json *maker_use_node(const struct json *node)
{
	const struct json *use = json_get(node, "use");

	return use && use->source && use->source->text ? use : node;
}

/* Marks the files from index `first` on as files of an instance, and returns a list of them, which
 * lives in the document. */
static struct files list_own_files(struct files *all, size_t first, struct json_doc *doc)
{
	struct files own = { NULL, 0, 0 };

	for (size_t i = first; i < all->n; i++) {
		all->items[i].of_instance = true;
		files_add(&own, doc, &all->items[i]);
	}
	return own;
}

/* Fills the plugin's options, and notes the files that this reads. False: mistakes have been
 * reported. */
static bool fill_conf(const struct maker *maker, const struct maker_order *order,
                      struct instance_spec *spec)
{
	const spore_component *component = order->component;
	struct config *config = maker->config;
	struct files *files = order->doc ? &spec->files : &config->files;
	struct option_scope scope = { spec->doc, maker->diag, config->folder, config_instance_keys,
		                      files };
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };
	size_t n_before = files->n;
	bool is_good = false;

	spec->conf = calloc(1, component->conf_size + 1);
	if (spec->conf)
		is_good = option_fill(&scope, &table, order->entry->node, spec->conf);
	else
		diag_add(maker->diag, NULL, "out of memory");
	if (!order->doc)
		spec->files = list_own_files(files, n_before, config->doc);
	if (!is_good)
		free(spec->conf);
	return is_good;
}

/* ---- "on_error": "last_good" ---- */

/* False: the entry has "last_good", but cannot have it, which has been reported. */
static bool check_last_good(const struct maker *maker, const struct maker_order *order)
{
	const struct json *node = json_get(order->entry->node, "on_error");

	if (!order->entry->last_good_ms)
		return true;
	if (maker->config->role != ROLE_SERVER) {
		diag_add(maker->diag, node, "expected \"last_good\" on a server only");
		return false;
	}
	if (!recheck_is_possible(order->component)) {
		diag_add(maker->diag, node,
		         "expected deny|next, since plugin %s cannot check an answer without its "
		         "back-end, which \"last_good\" needs",
		         order->entry->use);
		return false;
	}
	return true;
}

/* Returns a reference to the old instance's store, or to a new one. An instance with another
 * configuration may have other rules or another back-end, so it does not take over what the old one
 * remembers. NULL: out of memory. */
static struct last_good *share_or_make_store(const struct instance *old,
                                             const struct instance *instance, uint32_t gauge)
{
	if (old && old->last_good &&
	    memcmp(old->config_stamp, instance->config_stamp, sizeof old->config_stamp) == 0)
		return last_good_ref(old->last_good);
	return last_good_new(host_metrics(), gauge);
}

/* False: out of memory. */
static bool set_last_good(const struct maker_order *order, struct instance *instance)
{
	const spore_component *component = instance->component;
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };
	uint32_t gauge;

	if (!order->entry->last_good_ms)
		return true;
	gauge = meter_add_last_good(&instance->meter, instance->name);
	instance->last_good_ms = order->entry->last_good_ms;
	if (config_stamp(&table, order->entry->node, instance->conf, instance->files.items,
	                 instance->files.n, instance->config_stamp))
		instance->last_good = share_or_make_store(order->previous, instance, gauge);
	return instance->last_good != NULL;
}

/* ---- the instance ---- */

static void ask_for_challenges(struct instance *instance)
{
	const spore_auth_ops *ops = instance->component->ops;

	if (instance->component->kind != SPORE_KIND_AUTH)
		return;
	instance->challenge = SPORE_CHALLENGE_PLAIN;
	if (!SPORE_CAN(ops, needs_challenge))
		return;
	guest_enter(instance->name, "needs_challenge");
	instance->challenge = ops->needs_challenge(instance->self);
	guest_leave();
}

struct instance *maker_make(const struct maker *maker, const struct maker_order *order)
{
	const struct config_instance *entry = order->entry;
	struct desk desk = { maker->diag, entry->node };
	struct instance_spec spec = {
		.component = order->component,
		.plugin = order->plugin,
		.name = entry->name,
		.raw = entry->node,
		.previous = order->previous ? order->previous->self : NULL,
		.inherits = order->inherits,
		.doc = order->doc ? order->doc : maker->config->doc,
		.role = maker->config->role == ROLE_SERVER ? SPORE_ROLE_SERVER : SPORE_ROLE_CLIENT,
		.point = order->row->point,
		.conn_attrs = order->conn_attrs,
		.may_be_secure = order->may_be_secure,
		.public_ports = maker->config->settings.server.public_ports,
		.auth_timeout_ms = maker->config->settings.server.auth_timeout,
		.host = host_table(),
		.metrics = host_metrics(),
		.resolver = host_resolver(),
		.report = on_report,
		.report_arg = &desk,
	};
	struct instance *instance;
	struct err err;

	if (!check_last_good(maker, order) || !fill_conf(maker, order, &spec))
		return NULL;
	instance = instance_new(&spec, maker->n_workers, &err);
	if (!instance && err.text[0])
		diag_add(maker->diag, maker_use_node(entry->node), "%s", err.text);
	if (!instance)
		return NULL;
	instance->continue_on_error = entry->continue_on_error;
	ask_for_challenges(instance);
	if (set_last_good(order, instance) && event_queue_attach(instance, (size_t)entry->queue) &&
	    retirer_adopt(maker->retirer, instance, maker->config)) {
		instance->own_doc = order->doc; /* only now: after a failure the caller owns it */
		return instance;
	}
	instance_free(instance);
	diag_add(maker->diag, NULL, "out of memory");
	return NULL;
}
