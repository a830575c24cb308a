/* changes - follows the changes of a store: looks up the record of a name that has changed, and
 * renews or revokes its tunnels. For one worker of an instance.
 *
 * The plugin says which name has changed. After a time in which it could not hear of changes, it
 * says that any name may have changed. This code is compiled into each plugin that uses it. */
#ifndef COMMON_CHANGES_H
#define COMMON_CHANGES_H

#include "keeper.h"

enum {
	CHANGES_RUNNING = 64,     /* look-ups that are under way at a time */
	CHANGES_WAITING = 100000, /* names that may wait for theirs */
	CHANGES_RETRY_MS = 1000   /* the pause after a look-up that has failed */
};

struct changes_shared {
	uint32_t renewed, revoked, keys; /* series */
};

struct changes_lookup;

/* A walk looks up all names once. It ends before the next one begins. So each name has its turn,
 * however slow the store is. */
struct changes {
	struct keeper_worker *keeper;
	const struct changes_shared *shared;
	/* Begins a walk, by changes_note_all() or changes_begin_list(). [worker] */
	void (*look_at_all)(void *arg);
	void *arg;
	/* changes' */
	char **names; /* that wait; owned; a ring of `room` */
	size_t first, n, room;
	size_t walk_left; /* how many of `names`, from the first on, belong to the walk */
	struct changes_lookup *running;
	size_t n_running; /* all look-ups that are under way */
	size_t n_walking; /* those look-ups that belong to the walk */
	bool is_paused;   /* a look-up has failed; `retry` runs */
	bool is_due;      /* another walk must follow, since any name may have changed meanwhile */
	bool is_listing;  /* the plugin lists the names of the store */
	bool is_whole;    /* since the list began, no name of it and no change was missed */
	bool is_complete; /* the list was complete: after its look-ups, the roll is current */
	bool is_overfull; /* the roll had no room; logged */
	bool is_slow;     /* a walk has taken longer than the time between two; logged */
	spore_timer retry;
};

/* Adds the metrics. `store`: its name in their help texts. [main], in create() */
void changes_init(struct changes_shared *shared, const spore_create_args *args, const char *store);
/* The first members are set by the caller. False: out of memory, and there is nothing to stop.
 * [worker] */
bool changes_start(struct changes *changes);
/* [worker] */
void changes_stop(struct changes *changes);
/* A name has changed. [worker] */
void changes_note(struct changes *changes, const char *name);
/* Any name may have changed: calls look_at_all(), now or when the walk that is under way has ended.
 * [worker] */
void changes_note_any(struct changes *changes);
/* It is time to look at all names, also if no change was heard: calls look_at_all(), unless a walk
 * is under way. [worker] */
void changes_poll(struct changes *changes);
/* The two ways to begin a walk, both for look_at_all() only: */
/* Looks up the names of all sessions and all names on the roll. [worker] */
void changes_note_all(struct changes *changes);
/* The same for a keeper with a roll. The plugin also lists all names of the store, by any number of
 * calls of changes_list(), and then says whether the list is complete. [worker] */
void changes_begin_list(struct changes *changes);
void changes_list(struct changes *changes, const char *name);
void changes_end_list(struct changes *changes, bool is_complete);
/* The plugin cannot hear of changes any more, so the roll is not current. [worker] */
void changes_deafen(struct changes *changes);

#endif
