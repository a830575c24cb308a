/* plugin_search - a command looks at plugins where a start would: the folders that it was given,
 * those of a configuration, and our own. [main] */
#ifndef CORE_PLUGIN_SEARCH_H
#define CORE_PLUGIN_SEARCH_H

#include "inventory/plugin_path.h"

enum { PLUGIN_SEARCH_MOST = REGISTRY_MAX_PATH - PLUGIN_PATH_OWN };

struct plugin_search {
	const char *config; /* a file; NULL: what SPORE_CONFIG says, or none */
	const char *folders[PLUGIN_SEARCH_MOST];
	size_t n_folders;
};

/* False: there are too many. */
bool plugin_search_add(struct plugin_search *search, const char *folder);
/* Does the work on a registry that lasts until it returns. False: the work said so, or the
 * configuration is wrong, which is printed. */
bool plugin_search_run(const struct plugin_search *search,
                       bool (*work)(struct registry *registry, const void *arg), const void *arg);

#endif
