/* clock - monotonic time. [any] */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

/* Nanoseconds and milliseconds of CLOCK_MONOTONIC. */
int64_t clock_ns(void);
int64_t clock_ms(void);

#endif
