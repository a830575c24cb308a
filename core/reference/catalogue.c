#include "reference/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/chains.h"
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

static const struct catalogue_entry *find_use(const struct catalogue *catalogue, uint32_t kind,
                                              const char *use)
{
	for (size_t i = 0; i < catalogue->n; i++) {
		const struct catalogue_entry *entry = &catalogue->entries[i];

		if (entry->component->kind == kind && strcmp(entry->use, use) == 0)
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
	const struct chain_row *chain;
	struct option_table table;
	char section[64], use[64];

	if (own || !bracket)
		return own;
	/* "/auth[hmac]/secret": an option of the component that "use" names in this section. */
	snprintf(section, sizeof section, "%.*s", (int)(bracket - target), target);
	snprintf(use, sizeof use, "%.*s", (int)strcspn(bracket + 1, "]"), bracket + 1);
	chain = chain_find(section);
	entry = chain ? find_use(catalogue, chain->kind, use) : NULL;
	if (!entry)
		return NULL;
	table = catalogue_options(entry);
	return option_find(&table, name);
}
