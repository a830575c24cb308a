#include "process/overview.h"

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "option/value_number.h"
#include "plugin/kind.h"
#include "json/json.h"

struct overview {
	const struct config *config;
	const struct plugin_set *set;
};

/* ---- instances ---- */

static void add_on_error(struct effective *effective, const char *pointer,
                         const struct config_instance *entry, enum option_change change)
{
	char duration[VALUE_SCALED_SIZE];

	effective_add_text(effective, pointer, "on_error",
	                   entry->last_good_ms        ? "last_good"
	                   : entry->continue_on_error ? "next"
	                                              : "deny",
	                   json_get(entry->node, "on_error"), change);
	if (entry->last_good_ms)
		effective_add_text(effective, pointer, "last_good_for",
		                   value_format_duration(entry->last_good_ms, duration),
		                   json_get(entry->node, "last_good_for"), change);
}

static void add_instance(struct effective *effective, const char *pointer,
                         const struct config_instance *entry, const struct instance *instance,
                         enum option_change change)
{
	const spore_component *component = instance->component;
	const struct json *object = entry->node;
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };

	effective_add_use(effective, pointer, entry->use, json_get(object, "use"), change);
	effective_add_text(effective, pointer, "name", entry->name, json_get(object, "name"),
	                   change);
	if (kind_find(component->kind)->on_error)
		add_on_error(effective, pointer, entry, change);
	if (kind_find(component->kind)->queue)
		effective_add(effective, &(struct effective_part){ .table = &chain_queue_table,
		                                                   .object = object,
		                                                   .conf = entry,
		                                                   .pointer = pointer,
		                                                   .change = change });
	effective_add(effective, &(struct effective_part){ .table = &table,
	                                                   .object = object,
	                                                   .conf = instance->conf,
	                                                   .pointer = pointer,
	                                                   .change = change });
}

/* Is a chain without instances something else than a chain that is not given? Without lists of its
 * own, acl.public decides about the visitors of an entry of "public". */
static bool counts_if_empty(const struct config_chain *chain)
{
	return chain->row == &public_chain_rows[PUBLIC_ACL];
}

static void add_section(struct effective *effective, const char *pointer, const struct json *node,
                        enum option_change change, void *arg)
{
	const struct overview *overview = arg;
	size_t id = config_find_chain(overview->config, pointer);
	const struct chain *chain;
	char place[64];

	if (id == overview->config->n_chains) /* no list of instances */
		return;
	if (counts_if_empty(&overview->config->chains[id]) && overview->config->chains[id].n == 0)
		effective_add_empty(effective, pointer, node, change);
	chain = overview->set->chains[id];
	for (size_t i = 0; chain && i < chain->n; i++) {
		snprintf(place, sizeof place, "%s/%zu", pointer, i);
		add_instance(effective, place, &overview->config->chains[id].items[i],
		             chain->items[i], change);
	}
}

/* ---- the whole configuration ---- */

bool overview_make(const struct config *config, const struct plugin_set *set,
                   struct effective *effective_out)
{
	struct overview overview = { config, set };

	*effective_out = (struct effective){ 0 };
	effective_add(
		effective_out,
		&(struct effective_part){
			.table = config->role == ROLE_SERVER ? &settings_server : &settings_client,
			.object = json_doc_root(config->doc),
			.conf = &config->settings,
			.pointer = "",
			.on_node = add_section,
			.arg = &overview,
		});
	return !effective_out->failed;
}

void overview_print(const struct effective *effective, FILE *out)
{
	for (size_t i = 0; i < effective->n; i++)
		fprintf(out, "%s = %s  # %s\n", effective->items[i].pointer,
		        effective->items[i].value, effective->items[i].source);
}
