/* plugin_set - the instances that one configuration names, in their chains: what a server or client
 * runs with, until the next configuration takes its place.
 *
 * Built whole or not at all; immutable and reference-counted. A session holds the set while it asks
 * its way through a chain; a stream holds no more than its chain of transports, an owner no more
 * than the instance that let it in: so an instance ends when its own last user does, not when the
 * oldest connection does. */
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
	struct config *config;                                     /* ref */
	struct chain *transport, *auth, *acl_control, *acl_public; /* refs */
	struct chain *metrics; /* ref; NULL once a successor exports */
	bool needs_challenge;  /* some auth instance needs an answer ... */
	bool binds;            /* ... and takes one that is bound to the transport */
};

struct plugin_set_spec {
	struct config *config;
	struct registry *registry;
	struct retirer *retirer; /* ends the instances */
	unsigned n_workers;
	const struct plugin_set
		*previous; /* that runs, and whose place this one may take; NULL: none */
};

/* Loads and creates all instances. Mistakes go to the diag; NULL if there was one. [main] */
struct plugin_set *plugin_set_new(const struct plugin_set_spec *spec, struct diag *diag);
/* As instance_start, for all. On failure the set is the caller's to give back. [main] */
bool plugin_set_start(struct plugin_set *set, struct loop *const *loops, struct err *err);
/* The same for a check: exporters, which would serve or send, are not started. [main] */
bool plugin_set_start_but_exporters(struct plugin_set *set, struct loop *const *loops,
                                    struct err *err);
/* A successor exports from now on: its exporters and these shall not both. [main] */
void plugin_set_end_exporters(struct plugin_set *set);

/* [any]; NULL is fine for unref. */
struct plugin_set *plugin_set_ref(struct plugin_set *set);
void plugin_set_unref(struct plugin_set *set);
struct chain *chain_ref(struct chain *chain);
void chain_unref(struct chain *chain);

#endif
