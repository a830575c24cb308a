/* flow - one direction of a relay: from a stream to another, on one worker.
 *
 *      from ──read──▶ scratch ──write──▶ to        little at a time: copied; what `to` does not take
 *                        └──▶ spill                 is spilled
 *      from ──splice──▶ pipe ──splice──▶ to        in bulk, where both are raw: the bytes stay in the
 *                                                  kernel
 *
 * While the spill or the pipe holds bytes, `from` is not read: so what is held is bounded, and bytes
 * keep their order whichever way they take. Embedded by value in its relay. [worker] */
#ifndef CORE_FLOW_H
#define CORE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct loop;
struct pipe;
struct pipe_pool;
struct stream;

enum flow_state {
	FLOW_OPEN,
	FLOW_ENDING, /* the source has ended; what is held and the half-close are still to be written */
	FLOW_ENDED,  /* half-closed at the destination */
	FLOW_BROKEN  /* the destination takes no more */
};

struct flow {
	struct buf spill;
	struct pipe *pipe; /* owned; NULL when it would be empty */
	size_t own;        /* the spill begins with so many bytes that are not the source's */
	uint64_t bytes;    /* of the source, taken by the destination */
	enum flow_state state;
	uint8_t full_reads; /* in a row: from a number of them on, there is bulk, which is spliced ... */
	uint8_t slow_turns; /* ... and copied again after so many turns that moved little */
	bool bulk;
};

/* What a flow works with, the same in every call. */
struct flow_ends {
	struct stream *from, *to;
	struct loop *loop;
	struct pipe_pool *pipes;
	bool is_last; /* the other direction has ended: both are closed once this one has */
};

/* `from` is readable: moves a turn's worth. False: the source was reset (or memory is out), and so
 * shall the pair be. */
bool flow_pump(struct flow *flow, const struct flow_ends *ends);
/* At the start, while words of ours are held: what has come from the source already joins them, and leaves
 * in the same write. False as above. */
bool flow_join(struct flow *flow, const struct flow_ends *ends);
/* `to` is writable: what is held first, then the half-close. */
void flow_drain(struct flow *flow, const struct flow_ends *ends);
/* Gives back what it holds. */
void flow_fini(struct flow *flow, struct pipe_pool *pipes);

/* Bytes wait for the destination. */
bool flow_holds(const struct flow *flow);
bool flow_reads(const struct flow *flow);
bool flow_writes(const struct flow *flow);
bool flow_is_over(const struct flow *flow);

#endif
