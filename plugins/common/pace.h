/* pace - limits how often something may be done, such as logging a fault that a peer can repeat: a
 * few times at once, and after that once a second. This code is compiled into each plugin that uses
 * it. */
#ifndef COMMON_PACE_H
#define COMMON_PACE_H

#include <spore/host.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { PACE_BURST = 10, PACE_INTERVAL_MS = 1000 };

/* Zeroed: nothing has been done yet. */
struct pace {
	_Atomic int64_t full_ms; /* when all PACE_BURST times are free again */
	atomic_uint suppressed;  /* refusals since the last permission */
};

/* now_ms: of a monotonic clock. True: do it, and *suppressed_out says how often it was refused
 * since the last time. [any] */
bool pace_allows(struct pace *pace, int64_t now_ms, unsigned *suppressed_out);
/* The same for a log line about one of `what`, such as "refused passwords". Before it permits a
 * line, it logs how many were left out since the last one. [any] */
bool pace_allows_line(struct pace *pace, const spore_host *host, const spore_ctx *ctx,
                      int32_t level, const char *what);

/* Counts a line that is not logged for another reason. [any] */
void pace_hold(struct pace *pace);

#endif
