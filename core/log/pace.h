/* pace - allows at most one log line a second for an event that somebody can repeat at will. */
#ifndef CORE_PACE_H
#define CORE_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised: nothing has been logged yet. */
struct pace {
	_Atomic int64_t next_ms; /* 0, or when the next line may be logged */
	atomic_uint held;        /* lines that were held back since the last one */
};

/* True: log the event now; *held_out: how many were held back before it. now_ms: monotonic, greater
 * than 0. [any] */
bool pace_allows(struct pace *pace, int64_t now_ms, unsigned *held_out);

#endif
