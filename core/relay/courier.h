/* courier - carries the small messages of a relay by io_uring.
 *
 *      from ──receive──▶ a buffer of the ring ──send──▶ to        while all is simple
 *                               └──▶ the spill of the flow ──▶    from then on by the flow
 *
 * A courier works while both directions are open and the destinations take each message at once.
 * Anything else stops it: an end, a failure, a full socket, or bulk. The flows then go on by epoll.
 * Bytes that the destination did not take, and those that came after that, wait in the spills, so
 * none is lost and their order stays. [worker] */
#ifndef CORE_COURIER_H
#define CORE_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "uring/uring.h"

struct courier;
struct flow;
struct stream;

/* The part of a courier for one direction. */
struct courier_way {
	struct courier *courier;
	struct stream *from, *to; /* borrowed from the relay, as is the flow */
	struct flow *flow;
	struct uring_op receive, send;
	uint8_t *sending; /* the buffer, while a send is pending */
	uint32_t len;     /* bytes in it */
	uint8_t full;     /* full buffers in a row */
	bool cancelled;   /* the receive */
};

struct courier_terms {
	struct uring *uring;
	struct stream *streams[2]; /* bare */
	struct flow *flows[2];     /* open, and hold no bytes; [0] is from streams[0] */
	/* Bytes came while others were being sent: writes the spill of this flow. */
	void (*drain)(int flow, void *arg);
	/* The kernel has returned all operations, so the courier may be freed. The streams are the
	 * owner's again. Not called within courier_start and courier_drop. */
	void (*on_over)(void *arg);
	void *arg;
};

struct courier {
	struct courier_terms terms;
	struct courier_way ways[2];
	bool stopping; /* on_over follows */
	bool dropped;  /* the streams are closed, and the flows gone */
	bool failed;   /* out of memory: bytes are lost, so the relay must be reset */
	bool crowded;  /* it was stopped by bulk, a full socket or a lack of buffers */
	bool refused;  /* the kernel has refused an operation: use no other courier */
};

/* Borrows both streams. False: nothing has changed. */
bool courier_start(struct courier *courier, const struct courier_terms *terms);
/* on_over follows, later. It may be called again. */
void courier_stop(struct courier *courier);
/* Before the streams are closed with a reset. True: nothing is pending, so on_over will not be
 * called. */
bool courier_drop(struct courier *courier);

#endif
