/* plugins - the plugins of the running configuration, and their replacement by those of another
 * configuration. [main] */
#ifndef CORE_PLUGINS_H
#define CORE_PLUGINS_H

#include <stdbool.h>

#include "chain/plugin_set.h"

struct loop;
struct metrics;
struct retirer;

struct plugins {
	struct loop *const *loops; /* of the workers; borrowed, as are the metrics */
	unsigned n_workers;
	struct metrics *metrics;
	struct registry registry;
	struct retirer *retirer; /* owned */
	struct plugin_set *set;  /* ref; NULL: not loaded */
	unsigned generation;     /* of the set: 1, and one more with each replacement */
};

/* Puts a new set in the place of the old one, completely, or sets *err and changes nothing. */
struct plugins_swap {
	bool (*take)(struct plugin_set *set, void *arg, struct err *err);
	void *arg;
};

/* Loads nothing yet. False: out of memory. plugins_free may be called in any case. */
bool plugins_init(struct plugins *plugins, struct loop *main_loop, struct loop *const *loops,
                  unsigned n_workers, struct metrics *metrics);
/* Loads and starts the plugins of the configuration. If it is only to be checked, exporters are not
 * started. False: the diag has the mistakes or, if the configuration is right, *err the reason. */
bool plugins_load(struct plugins *plugins, struct config *config, struct diag *diag,
                  struct err *err);
/* Loads and starts the plugins of another configuration next to the running ones, then replaces
 * those. False: the diag has the reasons, and nothing has changed. */
bool plugins_renew(struct plugins *plugins, struct config *config, const struct plugins_swap *swap,
                   struct diag *diag);
/* Releases the set and waits up to wait_ms for all instances to end. The workers must run and the
 * main loop must not. False: some hang, and what they use must not be freed. */
bool plugins_end(struct plugins *plugins, int64_t wait_ms);
/* After plugins_end and the end of the workers. */
void plugins_free(struct plugins *plugins);

#endif
