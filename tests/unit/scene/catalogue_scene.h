/* catalogue_scene - the catalogue of the plugins that the build made. */
#ifndef UNIT_CATALOGUE_SCENE_H
#define UNIT_CATALOGUE_SCENE_H

#include <check.h>
#include <string.h>

#include "inventory/plugin_path.h"
#include "inventory/plugin_view.h"
#include "plugin/registry.h"
#include "reference/catalogue.h"

static inline const void *catalogue_scene_no_extension(const char *id)
{
	(void)id;
	return NULL;
}

/* `folder`: looked in first; NULL: none. */
static inline bool catalogue_scene_read(struct catalogue *catalogue, struct registry *registry,
                                        const char *folder)
{
	*catalogue = (struct catalogue){ .n = 0 };
	*registry = (struct registry){ .loader.get_extension = catalogue_scene_no_extension };
	if (folder)
		registry->path[registry->n_path++] = folder;
	registry->path[registry->n_path++] = PLUGIN_DIR;
	for (int i = 0; i < PLUGIN_PATH_OWN; i++)
		registry->path[registry->n_path++] = "/nowhere/own";
	return catalogue_read(catalogue, registry);
}

static inline const struct catalogue_entry *catalogue_scene_find(const struct catalogue *catalogue,
                                                                 const char *kind, const char *use)
{
	for (size_t i = 0; i < catalogue->n; i++) {
		const struct catalogue_entry *entry = &catalogue->entries[i];

		if (strcmp(plugin_view_kind(entry->component), kind) == 0 &&
		    strcmp(entry->use, use) == 0)
			return entry;
	}
	return NULL;
}

#endif
