/* watcher - notices the changes of clients, on one worker of an instance: by messages on a channel
 * (LISTEN), and by looking again now and then.
 *
 *   link ──▶ LISTEN ──▶ changes_note_any(), once: something may have changed before
 *                  └──▶ a message for each change from then on
 *
 * It has a connection of its own, on which messages never wait behind rows. */
#ifndef WATCHER_H
#define WATCHER_H

#include "../common/store/changes.h"
#include "asker.h"

enum {
	WATCHER_PING_MS = 1000,  /* how often it makes sure that its connection lives */
	WATCHER_TRIES = 3,       /* after so many failures in a row it logs that it has none */
	WATCHER_CHANNEL_MAX = 63 /* bytes in the name of a channel */
};

struct watcher_options {
	const char *channel;    /* "": polls only */
	const char *bore_query; /* or NULL */
	int64_t poll_ms;
};

struct listing;

struct watcher {
	struct asker *asker;
	const struct watcher_options *options;
	struct changes changes; /* keeper and shared are set by the caller, too */
	/* the watcher's */
	struct link link; /* not started without a channel */
	spore_timer ping, poll;
	bool is_refused; /* PostgreSQL has refused LISTEN */
	bool is_waiting; /* for the reply to a ping */
	bool is_missed;  /* look-ups work without this connection, which has been logged */
	int64_t pinged_ms;
	struct listing *listing; /* under way; owned */
};

/* The first members are set by the caller. False: out of memory, and there is nothing to stop.
 * [worker] */
bool watcher_start(struct watcher *watcher);
/* [worker] */
void watcher_stop(struct watcher *watcher);
/* Another connection to PostgreSQL is lost: looks at once whether this one still lives. [worker] */
void watcher_doubt(struct watcher *watcher);

#endif
