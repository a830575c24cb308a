/* changes - what a store's changes mean for those who are in: the record of a name that has changed
 * is looked up again, and its tunnels are renewed or revoked. For one worker of an instance.
 *
 * The plugin says which names have changed, or that any may have, as after a time in which it could
 * not hear of changes. This code is compiled into each plugin that uses it. */
#ifndef COMMON_CHANGES_H
#define COMMON_CHANGES_H

#include "keeper.h"

/* How many look-ups are under way at a time, and how many names wait for theirs at most, besides
 * those who are in. */
enum { CHANGES_RUNNING = 64, CHANGES_WAITING = 100000, CHANGES_RETRY_MS = 1000 };

struct changes_shared {
	uint32_t renewed, revoked, keys; /* series */
};

struct changes_lookup;

/* A walk is one look at all names. It ends before the next one begins, so that the last name has
 * its turn however slow the store is. */
struct changes {
	struct keeper_worker *keeper;
	const struct changes_shared *shared;
	/* Begins a walk, by changes_note_all() or changes_begin_list(). [worker] */
	void (*look_at_all)(void *arg);
	void *arg;
	/* changes' */
	char **names; /* that wait; owned; a ring of `room` */
	size_t first, n, room;
	size_t walk_left; /* the first so many of `names` belong to the walk */
	struct changes_lookup *running;
	size_t n_running, n_walking; /* all, and those of the walk */
	bool is_paused;              /* a look-up has failed; `retry` runs */
	bool is_due;      /* any name may have changed since the walk began: another one follows */
	bool is_listing;  /* the plugin lists the names of the store */
	bool is_whole;    /* no name of the list, and no change since it began, was missed */
	bool is_complete; /* the roll has every name once the look-ups are done */
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
/* It is time to look at all names, whatever was heard: calls look_at_all(), unless a walk is under
 * way. [worker] */
void changes_poll(struct changes *changes);
/* The two ways to begin a walk, both for look_at_all() only: */
/* Looks up those who are in and those on the roll. [worker] */
void changes_note_all(struct changes *changes);
/* For a keeper with a roll: the plugin also lists all names of the store, in any number of calls of
 * changes_list(), and then says whether that was all. [worker] */
void changes_begin_list(struct changes *changes);
void changes_list(struct changes *changes, const char *name);
void changes_end_list(struct changes *changes, bool is_complete);
/* Changes cannot be heard of any more; the roll is not current. [worker] */
void changes_deafen(struct changes *changes);

#endif
