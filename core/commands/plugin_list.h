/* plugin_list - `spore plugin list`: every plugin in every folder of the path, in the order in
 * which they are looked for. [main] */
#ifndef CORE_PLUGIN_LIST_H
#define CORE_PLUGIN_LIST_H

#include <stdbool.h>
#include <stdio.h>

struct registry;

/* load: see plugin_view. Folders that cannot be read are named on standard error; then, or when
 * memory is out, false. */
bool plugin_list_print(struct registry *registry, bool load, bool as_json, FILE *out);

#endif
