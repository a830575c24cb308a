/* maker - makes one plugin instance from its entry in the configuration: fills its options, creates
 * it, and hands it to the retirer. [control] */
#ifndef CORE_MAKER_H
#define CORE_MAKER_H

#include "config/config.h"
#include "host/instance.h"

struct chain_row;
struct diag;
struct retirer;

/* What all instances of a set have in common. Borrowed. */
struct maker {
	struct config *config;
	struct retirer *retirer; /* ends the instances */
	unsigned n_workers;
	struct diag *diag; /* gets the mistakes */
};

struct maker_order {
	const struct chain_row *row;         /* of the chain that it will be in */
	const struct config_instance *entry; /* of the maker's configuration */
	const spore_component *component;
	const struct loaded *plugin;
	/* The running instance of the same code that it replaces: create() may look into its state,
	 * and it may get its last good verdicts. Borrowed; NULL: there is none. */
	const struct instance *previous;
	/* See struct instance_spec. */
	struct hand_on *inherits;
	const char *const *conn_attrs;
	bool may_be_secure;
	/* The values of its options live here, and the instance takes it. NULL: they live in the
	 * document of the configuration, whose `files` then also get the files that are read. */
	struct json_doc *doc;
};

/* Returns a reference. NULL: the diag has the mistakes. They may point into the order's document,
 * which the caller then still owns. */
struct instance *maker_make(const struct maker *maker, const struct maker_order *order);
/* Where to report a mistake that concerns the plugin of the instance at this node: at its "use", if
 * that is in the file. */
const struct json *maker_use_node(const struct json *node);

#endif
