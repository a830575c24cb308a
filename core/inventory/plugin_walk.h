/* plugin_walk - visits every plugin file on the plugin path, in the order of the search. [main] */
#ifndef CORE_PLUGIN_WALK_H
#define CORE_PLUGIN_WALK_H

#include "inventory/plugin_view.h"
#include "plugin/registry.h"

/* `shadow`: the file of the same name in an earlier folder, which a start would find instead; NULL:
 * none. `view` and `shadow` are valid until the callback returns; the plugin that the view refers
 * to lives as long as the process. */
typedef void (*plugin_walk_cb)(void *arg, const struct plugin_view *view, const char *shadow);

/* False: a folder could not be read, which is printed to standard error. The other folders are
 * visited in any case. `load`: as in plugin_view_open. */
bool plugin_walk(struct registry *registry, bool load, plugin_walk_cb on_plugin, void *arg);

#endif
