/* ration - how often something may happen: a few times in a row, and then once in each interval.
 * Pure. [any], one thread at a time. */
#ifndef CORE_RATION_H
#define CORE_RATION_H

#include <stdint.h>

struct ration {
	int64_t every_ms;
	int64_t most;    /* in a row */
	int64_t full_ms; /* when nothing counts any more */
};

void ration_init(struct ration *ration, int64_t every_ms, unsigned most);
/* 0: it may happen now, which counts. Otherwise the milliseconds until it may. now_ms: never goes
 * back. */
int64_t ration_take(struct ration *ration, int64_t now_ms);

#endif
