/* ticks - a clock of the process that counts events of all threads, so that they have one order. It
 * knows which of the last ones are the calling thread's own. */
#ifndef CORE_TICKS_H
#define CORE_TICKS_H

#include <stdint.h>

/* Consecutive ticks of one thread. last 0: none. */
struct ticks_run {
	uint64_t first, last;
};

/* The number of the last tick of any thread. [any] */
uint64_t ticks_now(void);
/* Counts an event; returns its number. [any] */
uint64_t ticks_add(void);
/* The last run of the calling thread: no other thread's tick is in it. [any] */
struct ticks_run ticks_own(void);

/* The end of the run, if no other tick is between the moment and that; else the moment. */
static inline uint64_t ticks_pass(uint64_t moment, struct ticks_run run)
{
	return run.first <= moment + 1 && run.last > moment ? run.last : moment;
}

#endif
