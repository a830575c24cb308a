/* throttle - a limit on the rate of one direction: a bucket of credit that fills with time.
 *
 * The caller asks how many bytes may be read now, and reads no more than that. Bytes are charged
 * when they have reached the destination. A flow reads nothing while it holds bytes, so before each
 * read all earlier bytes are charged. Pure. [worker] */
#ifndef CORE_THROTTLE_H
#define CORE_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

struct throttle {
	uint64_t rate;    /* bytes per second */
	int64_t credit;   /* in thousandths of a byte; below 0 if more moved than was allowed */
	int64_t at_ms;    /* when the credit was computed */
	uint64_t charged; /* bytes that were charged, in all */
};

/* A full bucket, which holds what may pass in a tenth of a second. rate > 0. */
void throttle_init(struct throttle *throttle, uint64_t rate, int64_t now_ms);
/* How many bytes may be read now. `moved`: how many have reached the destination in all. */
size_t throttle_room(struct throttle *throttle, uint64_t moved, int64_t now_ms);
/* After throttle_room returned 0: when to ask again, at least 1. */
int64_t throttle_wait_ms(const struct throttle *throttle);

#endif
