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
#include "diag/diag.h"
#include "host/instance.h"
#include "plugin/registry.h"

struct loop;

struct chain {
	atomic_uint refs;
	size_t n;
	/* In a chain of transports: the facts that they tell the instances above them (see
	 * instance_spec). They lie in the document of the config. */
	const char **conn_attrs;
	bool may_be_secure;
	struct instance *items[]; /* refs */
};

struct plugin_set {
	atomic_uint refs;
	struct config *config; /* ref */
	/* Refs, as many as config->n_chains, in the same order; exporters: NULL after
	 * plugin_set_end_exporters. Owned. */
	struct chain **chains;
	bool needs_challenge; /* an auth instance needs the answer to a challenge */
	bool binds;           /* an auth instance takes an answer that is bound to the transport */
	uint32_t accepts;   /* SPORE_OFFER_*: the forms of answers that its auth instances accept */
	struct diag doubts; /* see doubts/; points into the configuration */
};

/* A set without chains, with room for those of the configuration, for chain/set_builder to fill.
 * NULL: out of memory. [control] */
struct plugin_set *plugin_set_new(struct config *config);
/* All chains are there: sums up what the set says of them. [control] */
void plugin_set_complete(struct plugin_set *set);

/* `fresh` takes the place of `old`, an instance of a set. Both are borrowed. */
struct plugin_swap {
	const struct instance *old;
	struct instance *fresh; /* NULL: `old` stays */
};

/* The same set with these instances in place of the old ones. NULL: out of memory. [control] */
struct plugin_set *plugin_set_swap(const struct plugin_set *from, const struct plugin_swap *swaps,
                                   size_t n);
/* [any] */
bool plugin_set_has(const struct plugin_set *set, const struct instance *instance);
/* A client was allowed by the instance `by` of the set `before`. True if `set` would judge this
 * client in the same way, because both sets have the same instances up to and including `by`. by
 * NULL: the client did not authenticate. [any] */
bool plugin_set_judges_alike(const struct plugin_set *set, const struct plugin_set *before,
                             const struct instance *by);

/* Starts all instances, as instance_start does, then waits until all are ready. exporters: false
 * for a check, which does not start the chains that serve or send by themselves. On failure the
 * caller gives the set back. [control] */
bool plugin_set_start(struct plugin_set *set, bool exporters, struct loop *const *loops,
                      const struct patience *patience, struct err *err);
/* Gives back the chains that serve or send. To be called when those of the next set run, since both
 * must not go on side by side. [main], while no job on the control thread uses the set */
void plugin_set_end_exporters(struct plugin_set *set);

/* Gives back the exporters that listen, so that the addresses are free for another process. Those
 * that send go on. Keeps them if memory is out. [main], as plugin_set_end_exporters */
void plugin_set_end_listeners(struct plugin_set *set);

/* [any]; NULL is fine for unref. */
struct plugin_set *plugin_set_ref(struct plugin_set *set);
void plugin_set_unref(struct plugin_set *set);
/* A chain without instances, and with room for `most`. NULL: out of memory. */
struct chain *chain_new(size_t most);
struct chain *chain_ref(struct chain *chain);
void chain_unref(struct chain *chain);

#endif
