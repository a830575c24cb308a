/* plugin_set - the plugin instances of one configuration, in their chains. A server or client runs
 * with one set until a reload replaces it.
 *
 * A set is built completely or not at all. It is immutable and reference-counted. A session holds
 * the set while it asks a chain; a stream holds only its chain of transports, and a tunnel only the
 * instance that admitted its client. So an instance ends with its own last user, not with the
 * oldest connection. */
#ifndef CORE_PLUGIN_SET_H
#define CORE_PLUGIN_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "host/instance.h"
#include "plugin/registry.h"

struct loop;
struct retirer;

struct chain {
	atomic_uint refs;
	size_t n;
	struct instance *items[]; /* refs */
};

struct plugin_set {
	atomic_uint refs;
	struct config *config;          /* ref */
	struct chain *chains[N_CHAINS]; /* refs; exporters: NULL after plugin_set_end_exporters */
	bool needs_challenge;           /* an auth instance needs the answer to a challenge ... */
	bool binds; /* ... and one takes an answer that is bound to the transport */
};

struct plugin_set_spec {
	struct config *config;
	struct registry *registry;
	struct retirer *retirer; /* ends the instances */
	unsigned n_workers;
	const struct plugin_set *previous; /* the running set that this one may replace, or NULL */
};

/* Loads the plugins and creates all instances. NULL: there were mistakes, which are in the diag.
 * [control] */
struct plugin_set *plugin_set_new(const struct plugin_set_spec *spec, struct diag *diag);
/* Starts all instances, as instance_start does, then waits until all are ready. With `exporters`
 * false leaves out the chains that serve or send by themselves, for a check. On failure the caller
 * gives the set back. [control] */
bool plugin_set_start(struct plugin_set *set, bool exporters, struct loop *const *loops,
                      const struct patience *patience, struct err *err);
/* Gives back the chains that serve or send: those of the next set run already, and both must not
 * go on side by side. [main] */
void plugin_set_end_exporters(struct plugin_set *set);

/* [any]; NULL is fine for unref. */
struct plugin_set *plugin_set_ref(struct plugin_set *set);
void plugin_set_unref(struct plugin_set *set);
struct chain *chain_ref(struct chain *chain);
void chain_unref(struct chain *chain);

#endif
