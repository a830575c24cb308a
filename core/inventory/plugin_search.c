#include "inventory/plugin_search.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/host.h"

bool plugin_search_add(struct plugin_search *search, const char *folder)
{
	if (search->n_folders == PLUGIN_SEARCH_MOST)
		return false;
	search->folders[search->n_folders++] = folder;
	return true;
}

static const char *config_path(const struct plugin_search *search)
{
	const char *variable = getenv("SPORE_CONFIG");

	if (search->config)
		return search->config;
	return variable && *variable ? variable : NULL;
}

bool plugin_search_run(const struct plugin_search *search,
                       bool (*work)(struct registry *registry, const void *arg), const void *arg)
{
	struct registry registry = { .loader.get_extension = host_get_extension };
	struct diag diag = { 0 };
	struct config *config;
	bool good;

	signal(SIGCHLD, SIG_DFL); /* so that a child can be waited for, whatever we inherited */
	for (size_t i = 0; i < search->n_folders; i++)
		registry.path[registry.n_path++] = search->folders[i];
	good = config_load_plugins(config_path(search), &diag, &config) == CONFIG_LOADED &&
	       plugin_path_set_up(&registry, config, &diag);
	diag_print(&diag, stderr);
	diag_fini(&diag);
	good = good && work(&registry, arg);
	loader_fini(&registry.loader);
	config_unref(config);
	return good;
}
