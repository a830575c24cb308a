/* plugins - the plugins of the running configuration, and the preparation of another set, which can
 * take their place.
 *
 *   main: plugins_draft ─▶ control: plugins_prepare or plugins_renew
 *                       ─▶ main: plugins_use, plugins_drop */
#ifndef CORE_PLUGINS_H
#define CORE_PLUGINS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "chain/plugin_set.h"
#include "chain/renewal.h"
#include "process/steward.h"

struct loop;
struct metrics;
struct retirer;

struct plugins {
	struct loop *const *loops; /* of the workers; borrowed, as are the metrics */
	unsigned n_workers;
	struct metrics *metrics;
	struct loader loader;    /* what has been loaded so far */
	struct steward *steward; /* owned, as is the retirer */
	struct retirer *retirer;
	struct plugin_set *set; /* ref; NULL: not loaded */
	unsigned generation;    /* of the set: 1, and one more with each new configuration */
	bool is_abandoned;      /* a start was given up: the control thread hangs */
	struct steward_job listeners_end; /* see plugins_end_listeners */
};

/* A set in preparation. */
struct plugins_draft {
	const struct plugins *plugins;
	struct loader loader;        /* of the plugins, and what this set loads */
	struct plugin_set *previous; /* ref; the running set, or NULL */
	struct plugin_set *set;      /* ref; the result, or NULL */
	unsigned generation;
	struct patience patience; /* how long the preparation may take; points to is_given_up */
	atomic_bool is_given_up;  /* nobody wants the set any more */
};

/* Starts the control thread. False and *err: out of memory or of threads. plugins_end and
 * plugins_free may be called in any case. [main] */
bool plugins_init(struct plugins *plugins, struct loop *main_loop, struct loop *const *loops,
                  unsigned n_workers, struct metrics *metrics, struct err *err);
/* Loads and starts the plugins of the first configuration on the control thread, and waits for it
 * until plugins.start_timeout or a signal. If the configuration is only to be checked, exporters
 * are not started. False: the diag has the mistakes or, if the configuration is right, *err the
 * reason. The main loop must not run. [main] */
bool plugins_load(struct plugins *plugins, struct config *config, struct diag *diag,
                  struct err *err);

/* Only one draft may exist. It must be ready within wait_ms. [main] */
void plugins_draft(const struct plugins *plugins, int64_t wait_ms, struct plugins_draft *draft_out);
/* Loads the plugins of the configuration, creates their instances and starts them. False: the diag
 * has the mistakes or, if it is unchanged, *err the reason. [control] */
bool plugins_prepare(struct plugins_draft *draft, struct config *config, struct diag *diag,
                     struct err *err);
/* Makes instances of the running set anew, for a set of the same generation. False: no instance
 * could be made, which was logged, or nobody waits for the set any more. [control] */
bool plugins_renew(struct plugins_draft *draft, struct renewal *renewal);
/* Replaces the running set by that of the draft, which was prepared. [main] */
void plugins_use(struct plugins *plugins, struct plugins_draft *draft);
/* Ends the draft, and its set unless it is used. [main] */
void plugins_drop(struct plugins *plugins, struct plugins_draft *draft);

/* Ends the exporters of the running set that listen, so that the addresses are free for another
 * process. A reload may still read the set on the control thread, even if nobody waits for it any
 * more. The exporters end after it. May be called once. No draft may be made after that. [main] */
void plugins_end_listeners(struct plugins *plugins);
/* Gives back all exporters of the running set. False: the control thread may still read the set.
 * Then nothing has changed, and the caller should try again later. No draft may be made after that.
 * [main] */
bool plugins_end_exporters(struct plugins *plugins);

/* Releases the set and waits for all instances to end; up to wait_ms for their work in flight. The
 * workers must run and the main loop must not. False: some hang, and what they use must not be
 * freed. [main] */
bool plugins_end(struct plugins *plugins, int64_t wait_ms);
/* After plugins_end and the end of the workers. [main] */
void plugins_free(struct plugins *plugins);

#endif
