/* changes - what a store's changes mean for those who are in: the record of a name that has changed
 * is looked up again, and its tunnels are renewed or revoked. For one worker of an instance.
 *
 * The plugin says which names have changed, or that any may have, as after a time in which it could
 * not hear of changes. This code is compiled into each plugin that uses it. */
#ifndef COMMON_CHANGES_H
#define COMMON_CHANGES_H

#include "keeper.h"

/* How many look-ups are under way at a time, and how many names wait for theirs. */
enum { CHANGES_RUNNING = 64, CHANGES_WAITING = 100000, CHANGES_RETRY_MS = 1000 };

struct changes_shared {
	uint32_t renewed, revoked, keys; /* series */
};

struct changes_lookup;

struct changes {
	struct keeper_worker *keeper;
	const struct changes_shared *shared;
	char **names; /* that wait; owned; a ring of `room` */
	size_t first, n, room;
	struct changes_lookup *running;
	size_t n_running;
	bool is_paused;   /* a look-up has failed; `retry` runs */
	bool has_lost;    /* a name that did not fit: any may have changed */
	bool is_listing;  /* the plugin lists the names of the store */
	bool is_complete; /* the roll has every name once the look-ups are done */
	bool is_overfull; /* the roll had no room; logged */
	spore_timer retry;
};

/* Adds the metrics. `store`: its name in their help texts. [main], in create() */
void changes_init(struct changes_shared *shared, const spore_create_args *args, const char *store);
/* False: out of memory, and there is nothing to stop. [worker] */
bool changes_start(struct changes *changes, struct keeper_worker *keeper,
                   const struct changes_shared *shared);
/* [worker] */
void changes_stop(struct changes *changes);
/* A name has changed. [worker] */
void changes_note(struct changes *changes, const char *name);
/* Any name may have changed: looks up those who are in and those on the roll. [worker] */
void changes_note_all(struct changes *changes);
/* For a keeper with a roll: the plugin lists all names of the store, in any number of calls of
 * changes_list(), and then says whether that was all. [worker] */
void changes_begin_list(struct changes *changes);
void changes_list(struct changes *changes, const char *name);
void changes_end_list(struct changes *changes, bool is_complete);
/* Changes cannot be heard of any more; the roll is not current. [worker] */
void changes_deafen(struct changes *changes);

#endif
