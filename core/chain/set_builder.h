/* set_builder - makes a plugin set: finds for each entry of the configuration the component, and
 * the old instance that the new one replaces, and refuses instances that cannot be where they are.
 * [control] */
#ifndef CORE_SET_BUILDER_H
#define CORE_SET_BUILDER_H

#include "chain/plugin_set.h"

struct diag;
struct retirer;

struct plugin_set_spec {
	struct config *config;
	struct registry *registry;
	struct retirer *retirer; /* ends the instances */
	unsigned n_workers;
	const struct plugin_set *previous; /* the running set that this one may replace, or NULL */
};

/* Loads the plugins and creates all instances. NULL: there were mistakes, which are in the diag. */
struct plugin_set *set_builder_build(const struct plugin_set_spec *spec, struct diag *diag);

#endif
