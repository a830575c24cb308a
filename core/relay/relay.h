/* relay - carries the bytes between two streams, both ways.
 *
 *      left ══ flow ══▶ right
 *      left ◀══ flow ══ right
 *
 * Each direction ends on its own, by a half-close. A reset of one stream resets the other. A relay
 * holds no buffer and no pipe while no bytes are in flight. [worker] */
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
	/* A relay that has been idle for this long is reset; 0 or no pointer: never. Borrowed, and
	 * read once a second. */
	const int64_t *idle_ms;
	unsigned most_pipes; /* of this worker */
	bool right_waited;   /* the right stream may have input when a relay starts: read at once */
};

/* The pipes take at most a 64th of the process's descriptors, two each. Without a pipe, bytes are
 * copied. */
static inline unsigned relay_most_pipes(unsigned descriptors)
{
	return descriptors / 128;
}

/* `bytes[0]` went from left to right. */
typedef void (*relay_fn)(const uint64_t bytes[2], void *arg);
/* The relay and its streams are gone. error: what a transport reports about its peer. NULL: any
 * other end, for example a reset that was passed on. */
typedef void (*relay_end_fn)(const uint64_t bytes[2], const char *error, void *arg);

/* The relays of one worker. */
struct relay_set {
	struct loop *loop;
	struct list all;
	unsigned count;
	struct pipe_pool pipes;
	ev_timer sweep; /* checks relays whose watchers do not run */
	const int64_t *idle_ms;
	bool right_waited;
	relay_fn on_moved; /* NULL, or gets the bytes moved: once a second, before on_end */
};

void relay_set_init(struct relay_set *set, struct loop *loop, const struct relay_limits *limits);
/* Resets all relays. */
void relay_set_fini(struct relay_set *set);

struct relay_plan {
	struct stream *left, *right;      /* open */
	struct buf *for_left, *for_right; /* bytes that wait for each of them; may be empty. Those
	                                   * for the left are our own and are not counted. */
	uint64_t rate;                    /* bytes per second, in each direction; 0: no limit */
};

/* Takes both streams and the contents of both buffers. on_end runs once: later, or from within when
 * memory is out. */
void relay_start(struct relay_set *set, const struct relay_plan *plan, relay_end_fn on_end,
                 void *arg);

/* What relay_each shows of a relay. */
struct relay_view {
	uint64_t bytes[2]; /* [0]: from left to right */
	int64_t quiet_ms;  /* time since bytes moved, exact to a second */
	void *arg;         /* of its on_end */
};

/* Shows all relays, until `look` returns false. */
void relay_each(struct relay_set *set, bool (*look)(const struct relay_view *view, void *arg),
                void *arg);
/* Resets all relays for which is_meant is true, and returns their number. relay_arg: the arg of
 * on_end. */
unsigned relay_reset_matching(struct relay_set *set,
                              bool (*is_meant)(const void *relay_arg, uint64_t id), uint64_t id);

#endif
