/* watcher - notices changes of clients' keys, on one worker of an instance. It hears of them by
 * keyspace notifications and by messages on a channel. It also looks at all keys from time to time.
 *
 *   primary ──▶ CONFIG GET ──▶ PSUBSCRIBE, SUBSCRIBE ──▶ changes_note_any(), then messages
 *
 * It has a connection of its own, since a connection that has subscribed cannot
 * send other commands. */
#ifndef WATCHER_H
#define WATCHER_H

#include "../common/store/changes.h"
#include "asker.h"
#include "lookup.h"

enum {
	WATCHER_PING_MS = 1000, /* how often it makes sure that its connection lives */
	WATCHER_TRIES = 3 /* failures in a row after which it logs that it has no connection */
};

struct watcher_options {
	const char *prefix;  /* of the keys, with the last colon */
	const char *channel; /* or NULL */
	int64_t poll_ms;
};

struct watcher {
	struct asker *asker;
	const struct watcher_options *options;
	struct changes changes; /* keeper and shared are set by the caller, too */
	/* the watcher's */
	struct primary primary;
	struct primary sentry; /* if there are Sentinels */
	spore_timer ping, poll;
	unsigned waiting; /* replies that must still come until it hears everything */
	bool has_notices; /* Redis sends keyspace notifications */
	bool has_channel; /* it listens to the channel */
	bool is_waiting_pong;
	bool is_missed;         /* look-ups work without this connection, which has been logged */
	bool is_sentry_waiting; /* for a pong */
	int64_t pinged_ms;
	struct scan *scan; /* under way; owned */
	char pattern[2 * LOOKUP_PREFIX_MAX + 64];
};

/* The first members are set by the caller. False: out of memory, and there is nothing to stop.
 * [worker] */
bool watcher_start(struct watcher *watcher);
/* [worker] */
void watcher_stop(struct watcher *watcher);
/* Another connection to Redis is lost: looks at once whether this one still lives. [worker] */
void watcher_doubt(struct watcher *watcher);

#endif
