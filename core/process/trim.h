/* trim - memory of a peak goes back to the system: every few seconds what is resident is held
 * against what malloc has given out, and the rest released when it has grown. [main] */
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
	int64_t used;         /* bytes that malloc had given out at the last release */
	int64_t unused;       /* the least that was resident besides since then ... */
	int64_t least_unused; /* ... and ever: stacks, relocations */
};

/* The workers run, and until trim_stop. */
void trim_start(struct trim *trim, struct loop *main_loop, struct loop *const *workers,
                unsigned n_workers);
void trim_stop(struct trim *trim);

#endif
