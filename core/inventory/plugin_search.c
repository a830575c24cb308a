#include "inventory/plugin_search.h"

#include <signal.h>
#include <stdio.h>

#include "services/host.h"

bool plugin_search_run(const struct plugin_search *search,
                       bool (*work)(struct registry *registry, const void *arg), const void *arg)
{
	struct registry registry = { .loader.get_extension = host_get_extension };
	struct diag diag = { 0 };
	struct config *config;
	bool good;

	/* An inherited SIG_IGN would make it impossible to wait for the probe's children. */
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < search->n_folders; i++)
		registry.path[registry.n_path++] = search->folders[i];
	good = config_load_plugins(search->config, &diag, &config) == CONFIG_LOADED &&
	       plugin_path_set_up(&registry, config, &diag);
	diag_print(&diag, stderr);
	diag_fini(&diag);
	good = good && work(&registry, arg);
	loader_fini(&registry.loader);
	config_unref(config);
	return good;
}
