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
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "relay/checkup.h"
#include "relay/flow.h"
#include "relay/pipes.h"

struct bucket;
struct loop;
struct relay;
struct stream;
struct uring;

/* What both ends use as doubt_ms: a short outage must not end all relays. */
enum { RELAY_DOUBT_MS = 15000 };

struct relay_limits {
	/* A relay that has been idle for this long is reset; 0 or no pointer: never. Borrowed, and
	 * read once a second. */
	const int64_t *idle_ms;
	struct relay_watch watch;
	/* Counts how often the host of left peers was found to be gone. NULL: never. Borrowed, and
	 * read once a second. When it has changed, the left peers for whose relays is_lost is true
	 * (NULL: all) are probed soon, and doubt_ms applies to them. Relays whose left peer answers
	 * go on. */
	const atomic_uint *losses;
	bool (*is_lost)(const void *relay_arg);
	unsigned most_pipes; /* of this worker */
	size_t most_held;  /* bytes that wait in one direction of a relay; 0: no limit of its own */
	bool uses_uring;   /* for small messages, where the system allows it */
	bool right_waited; /* the right stream may have input when a relay starts: read at once */
	bool right_may_end; /* the right stream may end behind its first bytes: the flow looks */
};

/* The pipes take at most a 64th of the process's descriptors, two each. Without a pipe, bytes are
 * copied. */
static inline unsigned relay_most_pipes(unsigned descriptors)
{
	return descriptors / 128;
}

/* Gets the bytes that have moved since the last call. bytes[0] went from left to right. False: the
 * relay must end. */
typedef bool (*relay_fn)(const uint64_t bytes[2], void *arg);

/* Why a relay has ended. */
enum relay_cause {
	RELAY_FINISHED,     /* both directions ended in order */
	RELAY_LEFT_EMPTY,   /* in order; the left stream ended first and had sent no byte */
	RELAY_LEFT_BROKEN,  /* the left stream was reset or failed */
	RELAY_RIGHT_BROKEN, /* the right stream was reset or failed */
	RELAY_LEFT_LOST,    /* the left peer acknowledges nothing any more */
	RELAY_RIGHT_LOST,   /* the right peer acknowledges nothing any more */
	RELAY_IDLE,         /* for the set's idle_ms */
	RELAY_KICKED,       /* by relay_reset_matching */
	RELAY_STOPPED,      /* by relay_set_fini, in order */
	RELAY_CUT_OFF,      /* by relay_set_fini, with a reset: bytes were under way */
	RELAY_NO_MEMORY,    /* it never began */
	RELAY_USED_UP,      /* on_moved does not let it go on */
	RELAY_CAUSES
};

struct relay_end {
	uint64_t bytes[2]; /* [0]: from left to right */
	enum relay_cause cause;
	/* What a transport reports about its peer. NULL: nothing, for example if a reset was passed
	 * on. Valid during the call. */
	const char *error;
};

/* The relay and its streams are gone. */
typedef void (*relay_end_fn)(const struct relay_end *end, void *arg);

/* The relays of one worker. */
struct relay_set {
	struct loop *loop;
	struct list all;
	unsigned count;
	struct pipe_pool pipes;
	struct uring *uring; /* owned; NULL: not used */
	unsigned n_couriers; /* that are not freed yet */
	bool uring_refused;  /* start no more couriers */
	ev_timer sweep;      /* checks relays whose watchers do not run */
	const int64_t *idle_ms;
	struct relay_watch watch; /* may be replaced: a new keepalive applies to later relays */
	const atomic_uint *losses;
	unsigned losses_seen;
	bool (*is_lost)(const void *relay_arg);
	bool right_waited, right_may_end;
	struct end_look look; /* of the right streams */
	size_t most_held;     /* may be changed at any time */
	relay_fn on_moved;    /* runs once a second and before on_end; NULL: not wanted */
};

void relay_set_init(struct relay_set *set, struct loop *loop, const struct relay_limits *limits);
/* Ends all relays. A relay ends in order if no byte has moved for half a second and none waits to
 * be sent on. Any other is reset, so that nobody takes a part of the data for the whole. */
void relay_set_fini(struct relay_set *set);

struct relay_plan {
	struct stream *left, *right;      /* open */
	struct buf *for_left, *for_right; /* bytes that wait for each of them; may be empty. Those
	                                   * for the left are our own and are not counted. */
	uint64_t rate;                    /* bytes per second, in each direction; 0: no limit */
	uint64_t moved_left;  /* bytes of the right stream that have been sent to the left before */
	size_t own_for_right; /* so many bytes at the front of for_right are our own, too */
	/* Limits that the relay shares with others: [0] of the bytes from left to right. They may
	 * begin and end at any time. Borrowed until on_end; NULL: none. */
	struct bucket *buckets[2];
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
/* Resets all relays for which is_meant is true. relay_arg: the arg of on_end. */
void relay_reset_matching(struct relay_set *set, bool (*is_meant)(const void *relay_arg, void *arg),
                          void *arg);
/* Resets all relays whose left stream has a descriptor for which is_lost is true, as if its peer
 * were gone. */
void relay_reset_lost(struct relay_set *set, bool (*is_lost)(int left_fd, void *arg), void *arg);

#endif
