/* outage - when a failure that lasts is logged: at once, and then after pauses that grow from
 * OUTAGE_FIRST_MS to OUTAGE_MOST_MS. This code is compiled into each plugin that uses it. */
#ifndef COMMON_OUTAGE_H
#define COMMON_OUTAGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { OUTAGE_FIRST_MS = 10000, OUTAGE_MOST_MS = 3600000 };

struct outage {
	pthread_mutex_t lock; /* held for a few instructions */
	unsigned at_once;     /* how many lines come without a pause, at least 1 */
	bool lasts;
	int64_t since_ms, next_ms, pause_ms;
	unsigned logged;
};

/* There is no outage. [main] */
void outage_init(struct outage *outage, unsigned at_once);
void outage_fini(struct outage *outage);
/* A failure. True: log it. now_ms is of a monotonic clock. [any] */
bool outage_note(struct outage *outage, int64_t now_ms);
/* A success. True: this ends an outage, which has lasted for *lasted_ms_out. [any] */
bool outage_end(struct outage *outage, int64_t now_ms, int64_t *lasted_ms_out);

#endif
