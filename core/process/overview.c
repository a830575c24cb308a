#include "process/overview.h"

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "json/json.h"

struct overview {
	const struct config *config;
	const struct plugin_set *set;
};

/* ---- instances ---- */

/* A section of instances in the configuration, and the instances made from it. */
struct section {
	const spore_cfg *node;
	const struct config_chain *entries;
	const struct chain *instances;
};

static struct section find_section(const struct overview *o, const struct json *node)
{
	const struct config *config = o->config;
	const struct settings *settings = &config->settings;
	const struct section sections[] = {
		{ settings->transport, &config->transport, o->set->transport },
		{ settings->auth, &config->auth, o->set->auth },
		{ settings->acl.control, &config->acl_control, o->set->acl_control },
		{ settings->acl.public_ports, &config->acl_public, o->set->acl_public },
		{ settings->metrics, &config->metrics, o->set->metrics },
	};

	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		if (node && (const struct json *)(const void *)sections[i].node == node)
			return sections[i];
	}
	return (struct section){ NULL, NULL, NULL };
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
	if (component->kind == SPORE_KIND_AUTH)
		effective_add_text(effective, pointer, "on_error",
		                   entry->continue_on_error ? "next" : "deny",
		                   json_get(object, "on_error"), change);
	effective_add(effective, &(struct effective_part){ .table = &table,
	                                                   .object = object,
	                                                   .conf = instance->conf,
	                                                   .pointer = pointer,
	                                                   .change = change });
}

static void add_section(struct effective *effective, const char *pointer, const struct json *node,
                        enum option_change change, void *arg)
{
	struct section section = find_section(arg, node);
	char place[64];

	for (size_t i = 0; section.instances && i < section.instances->n; i++) {
		snprintf(place, sizeof place, "%s/%zu", pointer, i);
		add_instance(effective, place, &section.entries->items[i],
		             section.instances->items[i], change);
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
