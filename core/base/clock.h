/* clock - monotonic time. [any] */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

/* Nanoseconds and milliseconds of CLOCK_MONOTONIC. */
int64_t clock_ns(void);
int64_t clock_ms(void);
/* The same clock as of the kernel's last tick, a few milliseconds ago at most. Reading it takes a
 * few nanoseconds. */
int64_t clock_coarse_ns(void);

#endif
