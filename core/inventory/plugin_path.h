/* plugin_path - where plugins are looked for, and which bytes they must have, as one configuration
 * says: its folders first, then our own. [main] */
#ifndef CORE_PLUGIN_PATH_H
#define CORE_PLUGIN_PATH_H

#include "config/config.h"
#include "plugin/registry.h"

/* Of the folders, so many are our own: below the executable in a build tree, and below the prefix
 * in an installed one. At most one of them is there. */
#define PLUGIN_PATH_OWN 2

/* Adds to the folders that are there. Mistakes go to the diag; false if the section has one: which
 * plugins are to be trusted is not known for sure then, so none may be loaded. The registry borrows
 * from the config. */
bool plugin_path_set_up(struct registry *registry, const struct config *config, struct diag *diag);
/* Logs which of the pins are for a file that is in none of the folders: a misspelt name pins
 * nothing. */
void plugin_path_warn(const struct registry *registry);

#endif
