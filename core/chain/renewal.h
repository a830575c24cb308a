/* renewal - makes instances of the running set anew with the same configuration, because files that
 * they have read have changed. What cannot be made is logged, and its old instance stays.
 *
 *   main: renewal_add ─▶ control: renewal_make ─▶ main: renewal_log */
#ifndef CORE_RENEWAL_H
#define CORE_RENEWAL_H

#include "chain/plugin_set.h"

struct renewal_item {
	const struct instance *old; /* borrowed from the set */
	char *files;                /* owned; the files that have changed, for the log */
	struct instance *fresh;     /* ref; NULL: not made */
};

/* Zero-initialized is empty. */
struct renewal {
	struct renewal_item *items; /* owned */
	size_t n;
};

struct renewal_terms {
	const struct plugin_set *set; /* the running one */
	struct retirer *retirer;
	struct loop *const *loops; /* of the workers */
	unsigned n_workers;
	const struct patience *patience;
};

/* False: out of memory. [any] */
bool renewal_add(struct renewal *renewal, const struct instance *old);
/* Makes and starts the instances. Returns a copy of the running set in which those that are ready
 * replace the old ones. NULL: none is ready, or memory is out; this was logged. [control] */
struct plugin_set *renewal_make(struct renewal *renewal, const struct renewal_terms *terms);
/* Logs and counts each instance that is used now. [any] */
void renewal_log(const struct renewal *renewal);
/* [main] */
void renewal_fini(struct renewal *renewal);

#endif
