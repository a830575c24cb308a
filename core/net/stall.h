/* stall - notices a transport that keeps its worker busy without moving bytes. Pure. [any] */
#ifndef CORE_STALL_H
#define CORE_STALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many idle turns within so many milliseconds are a stall. Transports that are only difficult
 * move a byte after a few turns. */
enum { STALL_TURNS = 1000, STALL_MS = 1000 };

/* Zero-initialised: no idle turn yet. */
struct stall {
	unsigned turns; /* idle ones since the last progress or since the window began */
	size_t least_pending;
	int64_t since_ms;
};

/* Counts a turn in which the transport was called, because it was to be ready, and moved no byte.
 * `pending`: the bytes that it holds now; if they became fewer, the turn was not idle. True: the
 * transport stalls. */
bool stall_add(struct stall *stall, size_t pending, int64_t now_ms);

#endif
