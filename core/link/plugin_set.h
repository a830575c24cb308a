/* plugin_set - the instances that one configuration names, in their chains.
 *
 * Built whole or not at all; handed to everything that calls a plugin. */
#ifndef CORE_PLUGIN_SET_H
#define CORE_PLUGIN_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "plugin/instance.h"
#include "plugin/registry.h"

struct loop;

struct chain {
	struct instance **items; /* owned */
	size_t n;
};

struct plugin_set {
	struct config *config; /* ref: the instances' options live in it */
	struct chain transport, auth, acl_control, acl_public, metrics;
	bool needs_challenge; /* some auth instance needs an answer */
};

/* Loads and creates all instances. Mistakes go to the diag; NULL if there was one. [main] */
struct plugin_set *plugin_set_new(struct config *config, struct registry *registry, unsigned n_workers,
                                  struct diag *diag);
/* As instance_start and instance_stop, for all. [main] */
bool plugin_set_start(struct plugin_set *set, struct loop *const *loops, struct err *err);
bool plugin_set_stop(struct plugin_set *set, int64_t wait_ms);
/* Stopped, or never started. NULL is fine. [main] */
void plugin_set_free(struct plugin_set *set);

#endif
