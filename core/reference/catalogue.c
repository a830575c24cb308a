#include "reference/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/help.h"
#include "inventory/plugin_walk.h"

static void add_component(struct catalogue *catalogue, const char *path,
                          const spore_component *component)
{
	size_t n = catalogue->n;
	struct catalogue_entry *entries = realloc(catalogue->entries, (n + 1) * sizeof *entries),
			       *entry;
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	char text[512];

	if (!entries) {
		catalogue->out_of_memory = true;
		return;
	}
	catalogue->entries = entries;
	entry = &entries[catalogue->n++];
	entry->component = component;
	entry->use = strdup(plugin_view_use(path, component, text, sizeof text));
	snprintf(text, sizeof text, "%.*s:%s", (int)(strlen(file) - strlen(".so")), file,
	         component->name);
	entry->use_by_file = strdup(text);
	if (!entry->use || !entry->use_by_file)
		catalogue->out_of_memory = true;
}

/* The text has the path of the file, which may contain any bytes. */
static void warn_of_refusal(const struct plugin_view *view)
{
	char shown[sizeof view->refusal.text * 4];

	text_printable(view->refusal.text, strlen(view->refusal.text), shown, sizeof shown);
	fprintf(stderr, "warning: %s\n", shown);
}

static void on_plugin(void *arg, const struct plugin_view *view, const char *shadow)
{
	if (shadow)
		return;
	if (view->state == PLUGIN_REFUSED) {
		warn_of_refusal(view);
		return;
	}
	for (const spore_component *const *c = view->loaded->plugin->components; *c; c++) {
		if (plugin_view_is_known(*c))
			add_component(arg, view->path, *c);
	}
}

bool catalogue_read(struct catalogue *catalogue, struct registry *registry)
{
	bool good = plugin_walk(registry, true, on_plugin, catalogue);

	if (catalogue->out_of_memory)
		fputs("error: out of memory\n", stderr);
	return good && !catalogue->out_of_memory;
}

void catalogue_fini(struct catalogue *catalogue)
{
	for (size_t i = 0; i < catalogue->n; i++) {
		free(catalogue->entries[i].use);
		free(catalogue->entries[i].use_by_file);
	}
	free(catalogue->entries);
}

struct option_table catalogue_options(const struct catalogue_entry *entry)
{
	const spore_component *c = entry->component;

	return (struct option_table){ c->options, c->n_options, c->option_size };
}

static const struct catalogue_entry *find_use(const struct catalogue *catalogue, const char *kind,
                                              const char *use)
{
	for (size_t i = 0; i < catalogue->n; i++) {
		const struct catalogue_entry *entry = &catalogue->entries[i];

		if (strcmp(plugin_view_kind(entry->component), kind) == 0 &&
		    strcmp(entry->use, use) == 0)
			return entry;
	}
	return NULL;
}

const spore_option *catalogue_target(const struct catalogue *catalogue, unsigned role,
                                     const char *target)
{
	const spore_option *own = help_target_option(role, target);
	const char *bracket = strchr(target, '['), *name = strrchr(target, '/') + 1;
	const struct catalogue_entry *entry;
	struct option_table table;
	char kind[32], use[64];

	if (own || !bracket)
		return own;
	snprintf(kind, sizeof kind, "%.*s", (int)strcspn(target + 1, "/["), target + 1);
	snprintf(use, sizeof use, "%.*s", (int)strcspn(bracket + 1, "]"), bracket + 1);
	entry = find_use(catalogue, kind, use);
	if (!entry)
		return NULL;
	table = catalogue_options(entry);
	return option_find(&table, name);
}

const char *catalogue_chain_kind(const char *section, const spore_option *row)
{
	const char *kind;

	for (uint32_t i = 1; row->type == SPORE_OPT_NODE && (kind = registry_kind_name(i)) != NULL;
	     i++) {
		if (strcmp(kind, row->name) == 0 || strcmp(kind, section) == 0)
			return kind;
	}
	return NULL;
}
