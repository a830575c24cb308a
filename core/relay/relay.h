/* relay - carries the bytes of a pair of streams both ways, on one worker.
 *
 *      left ══ flow ══▶ right
 *      left ◀══ flow ══ right
 *
 * Each direction ends on its own (half-close). A reset is passed on. Nothing is held while no bytes
 * are in flight. [worker] */
#ifndef CORE_RELAY_H
#define CORE_RELAY_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "relay/pipes.h"

struct loop;
struct relay;
struct stream;

struct relay_limits {
	/* A relay that carried nothing for so long is reset; 0 or no pointer: never. Borrowed, and
	 * read once a second. */
	const int64_t *idle_ms;
	unsigned most_pipes; /* of this worker */
	bool right_waited;   /* bytes from the right may be there when a relay starts: read them at
	                        once */
};

/* Pipes take a 64th part of a process's descriptors, two each; where that is too little, bytes are
 * copied. */
static inline unsigned relay_most_pipes(unsigned descriptors)
{
	return descriptors / 128;
}

/* `bytes[0]` went from left to right. */
typedef void (*relay_fn)(const uint64_t bytes[2], void *arg);
/* At the end; the relay and its streams are gone. `error`: what a transport found wrong with its
 * peer; NULL: all else, such as a reset that was passed on. */
typedef void (*relay_end_fn)(const uint64_t bytes[2], const char *error, void *arg);

/* A worker's relays. */
struct relay_set {
	struct loop *loop;
	struct list all;
	unsigned count;
	struct pipe_pool pipes;
	ev_timer sweep; /* looks after those whose watchers sleep */
	const int64_t *idle_ms;
	bool right_waited;
	relay_fn on_moved; /* NULL, or told what has moved: every second or so, and before on_end */
};

void relay_set_init(struct relay_set *set, struct loop *loop, const struct relay_limits *limits);
/* Resets all. */
void relay_set_fini(struct relay_set *set);

/* Takes both streams, which are open, and the bytes that wait for either side (both may be empty).
 * Those for the left are words of ours, not counted. on_end runs once, later; before it on failure
 * too. */
void relay_start(struct relay_set *set, struct stream *left, struct stream *right,
                 struct buf *for_left, struct buf *for_right, relay_end_fn on_end, void *arg);

/* What a look at one shows. */
struct relay_view {
	uint64_t bytes[2]; /* [0]: from left to right */
	int64_t quiet_ms;  /* nothing has moved for so long, to the second */
	void *arg;         /* its on_end's */
};

/* Shows all, until `look` says false. */
void relay_each(struct relay_set *set, bool (*look)(const struct relay_view *view, void *arg),
                void *arg);
/* Resets those that are meant, by the arg of their on_end; how many that were. */
unsigned relay_reset_those(struct relay_set *set,
                           bool (*is_meant)(const void *relay_arg, uint64_t id), uint64_t id);

#endif
