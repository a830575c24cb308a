/* store - the interface between the plugin of a store and the modules of this folder. The plugin
 * looks up the record of a name.
 *
 * Such a plugin - makes a keeper in create(), and gives it to a keeper_worker in worker_start(),
 * together with
 *    its store_ops,
 * - gives the host desk_ops as its functions, - has a changes on one worker, and tells it with
 * changes_note() what has changed in the store,
 *    and with changes_note_all() or changes_begin_list() when it may have missed something. */
#ifndef COMMON_STORE_H
#define COMMON_STORE_H

#include "record.h"

enum store_reply {
	STORE_FOUND,
	STORE_UNKNOWN, /* the store has no such name */
	STORE_WRONG,   /* its record is not understood */
	STORE_FAILED,  /* there is no answer of the store */
};

struct store_answer {
	enum store_reply reply;
	const struct record *record; /* FOUND */
	const char *wrong;           /* WRONG: what is wrong; contains no value of the record */
	int32_t status;              /* FAILED: SPORE_E* */
};

/* One look-up. The caller's memory. */
struct store_lookup {
	char name[SPORE_IDENTITY_MAX + 1];
	/* Called once, after look_up() has returned. The answer is valid until return. [worker] */
	void (*on_answer)(struct store_lookup *lookup, const struct store_answer *answer);
	void *sent; /* the plugin's; NULL: not under way */
};

/* The plugin's functions, with its state on one worker. */
struct store_ops {
	/* Returns SPORE_OK if on_answer() will be called, or a SPORE_E*. [worker] */
	spore_status (*look_up)(void *backend, struct store_lookup *lookup);
	/* on_answer() will not be called any more. Does nothing if the look-up is not under way.
	 * [worker] */
	void (*withdraw)(void *backend, struct store_lookup *lookup);
};

#endif
