/* trim - memory of a peak goes back to the system: every few seconds what is resident is held against
 * what malloc has given out, and the rest released when it has grown. [main] */
#ifndef CORE_TRIM_H
#define CORE_TRIM_H

#include <ev.h>
#include <stdint.h>

struct loop;

struct trim {
	ev_timer look;
	struct loop *main_loop;
	int64_t least; /* bytes: the least that was resident and in nobody's use; stacks, relocations */
};

void trim_start(struct trim *trim, struct loop *main_loop);
void trim_stop(struct trim *trim);

#endif
