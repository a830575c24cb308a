/* trim - returns the memory of a load peak to the system. Every few seconds it compares resident
 * memory with what malloc has handed out, and releases the difference if that has grown.
 *
 * libev's tables are not released. Each loop has 16 bytes for every descriptor up to the highest,
 * and libev has no call that shrinks them. [main] */
#ifndef CORE_TRIM_H
#define CORE_TRIM_H

#include <ev.h>
#include <stdint.h>

struct loop;

struct trim {
	ev_timer look;
	struct loop *main_loop;
	struct loop *const *workers;
	unsigned n_workers;
	int64_t used; /* bytes handed out by malloc at the last release */
	/* Resident bytes that malloc has not handed out: the smallest value since the last
	 * release. */
	int64_t unused;
	/* The smallest value since the start. It includes stacks and relocations, which cannot be
	 * released. */
	int64_t least_unused;
};

/* The workers must run until trim_stop. */
void trim_start(struct trim *trim, struct loop *main_loop, struct loop *const *workers,
                unsigned n_workers);
void trim_stop(struct trim *trim);

#endif
