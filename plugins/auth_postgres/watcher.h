/* watcher - hears of the changes of clients, on one worker of an instance: by messages on a channel
 * (LISTEN), and by looking again now and then.
 *
 *   link ──▶ LISTEN ──▶ any may have changed, then messages
 *
 * It has a connection of its own, on which messages never wait behind rows. */
#ifndef WATCHER_H
#define WATCHER_H

#include "../common/store/changes.h"
#include "asker.h"

/* How often it makes sure that its connection lives, after how many attempts in a row it tells that
 * it gets none, and the longest name of a channel. */
enum { WATCHER_PING_MS = 1000, WATCHER_TRIES = 3, WATCHER_CHANNEL_MAX = 63 };

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
	bool is_refused; /* LISTEN */
	bool is_waiting; /* for the reply to a ping */
	bool is_missed;  /* there is no connection although look-ups work; logged */
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
