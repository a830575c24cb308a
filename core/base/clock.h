/* clock - monotonic time, and the wall clock. [any] */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

/* Nanoseconds and milliseconds of CLOCK_MONOTONIC. */
int64_t clock_ns(void);
int64_t clock_ms(void);
/* The same clock as of the kernel's last tick, a few milliseconds ago at most. Reading it takes a
 * few nanoseconds. */
int64_t clock_coarse_ns(void);
/* Milliseconds since 1970, by the wall clock, which may jump. */
int64_t clock_wall_ms(void);

#endif
