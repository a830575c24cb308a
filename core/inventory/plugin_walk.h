/* plugin_walk - every plugin's file on the path, in the order in which a start looks for them.
 * [main] */
#ifndef CORE_PLUGIN_WALK_H
#define CORE_PLUGIN_WALK_H

#include "inventory/plugin_view.h"
#include "plugin/registry.h"

/* `shadow`: the file of the same name that is found before it; NULL: this one is found. Both are
 * lent until it returns; what the view's plugin says lives as long as the process. */
typedef void (*plugin_walk_cb)(void *arg, const struct plugin_view *view, const char *shadow);

/* False: a folder could not be read, which has been told on standard error; the others were
 * visited. `load`: as plugin_view_open's. */
bool plugin_walk(struct registry *registry, bool load, plugin_walk_cb on_plugin, void *arg);

#endif
