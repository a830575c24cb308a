/* plugin_list - `spore plugin list`: prints every plugin in every folder of the plugin path, in the
 * order of the search. [main] */
#ifndef CORE_PLUGIN_LIST_H
#define CORE_PLUGIN_LIST_H

#include <stdbool.h>
#include <stdio.h>

struct registry;

/* `load`: as in plugin_view_open. False: out of memory, or a folder could not be read, which was
 * printed to standard error. */
bool plugin_list_print(struct registry *registry, bool load, bool as_json, FILE *out);

#endif
