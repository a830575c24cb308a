/* bucket - a limit on the rate of many relays together, on all workers, in one direction.
 *
 *      flow ──takes a quantum──▶ refill        while there are tokens and nobody waits
 *      flow ──▶ line of its worker ──▶ refill  otherwise: the flows of a line take turns
 *
 * Flows take tokens by the quantum and give back what they do not use. A flow that has input and
 * finds no tokens joins the line of its worker. The line's timer serves the flows in turn, each
 * with a quantum. Each line takes tokens only in proportion to its share of all flows that wait. So
 * all flows get the same rate, on whatever worker they are. There is no lock: workers share the
 * refill and the number of flows that wait. */
#ifndef CORE_BUCKET_H
#define CORE_BUCKET_H

#include <ev.h>
#include <stddef.h>

#include "base/list.h"
#include "relay/refill.h"

struct loop;
struct bucket_line;

struct bucket {
	struct refill refill;                /* of bytes */
	atomic_uint waiting;                 /* flows in all lines */
	_Atomic(struct bucket_line *) lines; /* owned; NULL: there never was a limit */
	unsigned n_lines;                    /* one for each worker */
};

/* The place of a flow in the line of its worker. Embedded in its owner. [worker] */
struct bucket_turn {
	struct list node;
	struct bucket_line *line; /* NULL: it does not wait */
	size_t granted;           /* bytes that its turn has brought; 0: none */
	void (*on_turn)(struct bucket_turn *turn);
};

/* No limit. [any] */
void bucket_init(struct bucket *bucket, unsigned n_workers);
/* No flow uses it any more. [any] */
void bucket_fini(struct bucket *bucket);
/* Bytes per second; 0: no limit. False: out of memory; nothing has changed. [any] */
bool bucket_set_rate(struct bucket *bucket, uint64_t rate);
static inline uint64_t bucket_rate(const struct bucket *bucket)
{
	return refill_rate(&bucket->refill);
}

/* How many bytes a flow takes at once if the rate is this one. [any] */
size_t bucket_quantum(uint64_t rate);

/* For a flow that may have input. Returns how many bytes it may read now, which have been taken: a
 * quantum, or without a limit SIZE_MAX. 0: it must wait for its turn. [worker] */
size_t bucket_take(struct bucket *bucket, const struct loop *loop);
/* The flow has read less than it took. [worker] */
void bucket_give_back(struct bucket *bucket, size_t bytes);
/* Takes bytes that have been read already. [worker] */
void bucket_charge(struct bucket *bucket, const struct loop *loop, size_t bytes);
/* Joins the line. Later, turn->granted is set and on_turn runs. The bucket has had a limit.
 * [worker] */
void bucket_wait(struct bucket *bucket, struct loop *loop, struct bucket_turn *turn);
/* Leaves the line. Harmless for a turn that does not wait. [worker] */
void bucket_leave(struct bucket_turn *turn);

#endif
