/* ticks - a counter of events in all threads, which gives the events one order. It knows which of
 * the last events belong to the calling thread. */
#ifndef CORE_TICKS_H
#define CORE_TICKS_H

#include <stdint.h>

/* Consecutive ticks of one thread. If `last` is 0, there are none. */
struct ticks_run {
	uint64_t first, last;
};

/* The number of the last tick of any thread. [any] */
uint64_t ticks_now(void);
/* Counts an event; returns its number. [any] */
uint64_t ticks_add(void);
/* The last run of the calling thread. No tick of another thread is within the run. [any] */
struct ticks_run ticks_own(void);

/* Returns the end of the run if no tick of another thread is between the moment and this end.
 * Otherwise returns the moment. */
static inline uint64_t ticks_pass(uint64_t moment, struct ticks_run run)
{
	return run.first <= moment + 1 && run.last > moment ? run.last : moment;
}

#endif
