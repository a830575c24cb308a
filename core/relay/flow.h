/* flow - one direction of a relay: moves bytes from one stream to another.
 *
 *      from ──read──▶ scratch ──write──▶ to      A small amount is copied. Bytes that `to` does not
 *                        └──▶ spill              take are kept in the spill.
 *      from ──splice──▶ pipe ──splice──▶ to      Bulk is spliced if both streams are raw, so that
 *                                                the bytes stay in the kernel. If the system
 *                                                refuses that, the bytes are copied.
 *
 * `from` is not read while the spill or the pipe holds bytes. So memory is bounded, and the bytes
 * keep their order. Embedded by value in its relay. [worker] */
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
	FLOW_ENDING, /* the source has ended; held bytes and the half-close are not yet written */
	FLOW_ENDED,  /* the destination is half-closed */
	FLOW_BROKEN  /* the destination failed */
};

struct flow {
	struct buf spill;
	struct pipe *pipe; /* owned; NULL between turns if it would be empty */
	size_t own;        /* bytes at the front of the spill that do not come from the source */
	uint64_t bytes;    /* bytes of the source that the destination has taken */
	enum flow_state state;
	uint8_t full_reads; /* full reads in a row; enough of them begin a bulk transfer */
	uint8_t slow_turns; /* turns in a row that spliced little; enough of them end it */
	bool bulk;
	bool ended_empty; /* the source ended first, and had sent no byte */
};

/* Some services end directly after their first bytes. Then both leave in one write. A flow finds
 * the end with a system call. The more calls in a row were in vain, the fewer flows make one. */
struct end_look {
	unsigned until; /* flows that begin before the next one that looks */
	unsigned vain;  /* looks in a row */
};

/* What a flow works with. All calls for one flow get the same. */
struct flow_ends {
	struct stream *from, *to;
	struct loop *loop;
	struct pipe_pool *pipes;
	bool is_last; /* the other direction has ended; the end of this one closes both streams */
	bool other_is_open;    /* the source of the other direction has not ended */
	struct end_look *look; /* NULL: the flow does not look for the end behind its first bytes */
	size_t most;           /* bytes that may be read, and so held, now; SIZE_MAX: no limit */
};

/* Call it when `from` is readable. Moves as many bytes as one turn and ends->most allow. False: the
 * source was reset, or memory is out. The caller resets both streams. */
bool flow_pump(struct flow *flow, const struct flow_ends *ends);
/* For the start of a relay, while the spill holds bytes of our own. Appends the bytes that the
 * source has already sent, so that both leave in one write. False: as above. */
bool flow_join(struct flow *flow, const struct flow_ends *ends);
/* Call it when `to` is writable. Writes the held bytes, then the half-close. */
void flow_drain(struct flow *flow, const struct flow_ends *ends);
/* How many bytes of the source the flow has read, whether or not the destination has taken them. */
uint64_t flow_received(const struct flow *flow);
/* Frees the spill and gives back the pipe. */
void flow_fini(struct flow *flow, struct pipe_pool *pipes);

/* The next four are asked several times a turn, so they are inlined. */

/* The spill or the pipe holds bytes. */
static inline bool flow_holds(const struct flow *flow)
{
	return flow->spill.len > 0 || flow->pipe;
}

static inline bool flow_reads(const struct flow *flow)
{
	return flow->state == FLOW_OPEN && !flow_holds(flow);
}

static inline bool flow_writes(const struct flow *flow)
{
	return flow_holds(flow) || flow->state == FLOW_ENDING;
}

static inline bool flow_is_over(const struct flow *flow)
{
	return flow->state == FLOW_ENDED || flow->state == FLOW_BROKEN;
}

#endif
