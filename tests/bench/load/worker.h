/* One thread of the load generator, and the scenarios it may run. */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include "plan.h"
#include "tally.h"

#include <pthread.h>

/* Filled by main before it starts; then only its thread touches it until that is joined. */
struct worker {
	const struct plan *plan; /* borrowed from main, which joins every worker */
	pthread_t thread;        /* not of the first one, which main runs itself */
	unsigned first;          /* the number of its first connection among all */
	unsigned connections;    /* its share, at least 1 */
	uint64_t count;          /* its share of plan->count */
	bool has_run;
	struct tally tally;
};

extern const struct scenario bulk_up;
extern const struct scenario bulk_down;
extern const struct scenario pingpong;
extern const struct scenario churn;
extern const struct scenario hold;

#endif
