/* stall - notices a transport that keeps its worker busy without moving bytes. Pure. [any] */
#ifndef CORE_STALL_H
#define CORE_STALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* STALL_TURNS idle turns within STALL_MS are a stall. A transport that is only slow moves a byte
 * after a few turns. */
enum { STALL_TURNS = 1000, STALL_MS = 1000 };

/* Zero-initialised: no idle turn yet. */
struct stall {
	unsigned turns;       /* idle turns in the present window; 0: no window */
	size_t least_pending; /* the bytes that the transport held when the window began */
	int64_t since_ms;     /* when the window began */
};

/* Counts a turn in which the transport was called as ready, but moved no byte. `pending`: the bytes
 * that it holds now. If they became fewer, a new window begins. True: the transport stalls. */
bool stall_add(struct stall *stall, size_t pending, int64_t now_ms);

#endif
