/* plugin_path - applies the section "plugins" of a configuration to a registry: the folders to
 * search, and the pins, which are the digests that files must have. [control] */
#ifndef CORE_PLUGIN_PATH_H
#define CORE_PLUGIN_PATH_H

#include "config/config.h"
#include "plugin/registry.h"

/* How many folders are our own. They come last: the folder beside the executable in a build tree,
 * and the folder below the prefix of an installation. At most one of the two exists. */
#define PLUGIN_PATH_OWN 2

/* Appends the configuration's folders and our own to the registry's folders. Mistakes go to the
 * diag. False if the section has a mistake: then no plugin may be loaded, since the configuration
 * does not say for certain which plugins to trust. The registry borrows from the config. */
bool plugin_path_set_up(struct registry *registry, const struct config *config, struct diag *diag);
/* Logs a warning for each configured folder that cannot be searched, and for each pin whose file is
 * in none of the folders, since a misspelt name pins nothing. */
void plugin_path_warn(const struct registry *registry, const struct config *config);

#endif
