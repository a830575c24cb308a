/* standstill - finds out that this process did not run for a while: the machine slept, or the
 * process was stopped. Pure. [any], one thread at a time.
 *
 * CLOCK_BOOTTIME goes on while the machine sleeps, and CLOCK_MONOTONIC does not. */
#ifndef CORE_STANDSTILL_H
#define CORE_STANDSTILL_H

#include <stdbool.h>
#include <stdint.h>

/* A look that comes this much later than expected means a standstill. A busy process is late, too,
 * but seldom that much. */
enum { STANDSTILL_LEAST_MS = 3000 };

/* The two clocks at one moment. */
struct standstill_clocks {
	int64_t boot_ms, monotonic_ms;
};

struct standstill {
	struct standstill_clocks last;
};

void standstill_init(struct standstill *standstill, struct standstill_clocks now);
/* A look that was due period_ms after the last one. Returns how long the process stood still, or 0.
 * *slept_out: the machine slept meanwhile. */
int64_t standstill_look(struct standstill *standstill, struct standstill_clocks now,
                        int64_t period_ms, bool *slept_out);

#endif
