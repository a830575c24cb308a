/* plugin_search - lets a subcommand work on the plugins that a start would find: those in the
 * folders that it was given, in those of a configuration, and in our own. [main] */
#ifndef CORE_PLUGIN_SEARCH_H
#define CORE_PLUGIN_SEARCH_H

#include "inventory/plugin_path.h"

enum { PLUGIN_SEARCH_MOST = REGISTRY_MAX_PATH - PLUGIN_PATH_OWN };

/* All borrowed. */
struct plugin_search {
	const char *config;                      /* a file; NULL: none */
	const char *folders[PLUGIN_SEARCH_MOST]; /* searched before those of the configuration */
	size_t n_folders;
};

/* Calls `work` with a registry that exists until `work` returns. Prints the mistakes of the
 * configuration. False: there were mistakes, or `work` returned false. */
bool plugin_search_run(const struct plugin_search *search,
                       bool (*work)(struct registry *registry, const void *arg), const void *arg);

#endif
