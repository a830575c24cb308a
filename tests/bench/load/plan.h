/* What the command line of the load generator asks for. */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;

#define PLAN_FIRST ((size_t)16384)

/*
 * One kind of load. run does the share of one worker and counts it in the worker's tally; it is
 * called once in each worker's thread and returns false, after a message on standard error, if it
 * could not do its work at all. What goes wrong on single connections is counted instead.
 */
struct scenario {
	const char *name;
	const char *unit; /* what total and rate count */
	const char *help;
	double seconds; /* unless the command line says otherwise */
	bool is_single; /* always one thread */
	bool (*run)(struct worker *worker);
};

struct plan {
	const struct scenario *scenario;
	uint16_t port;
	unsigned connections;
	unsigned size;
	unsigned sources;
	unsigned threads;
	uint64_t count; /* churn: end after so many connections; 0: after seconds */
	uint64_t bytes; /* bulk: end each stream after so many; 0: after seconds */
	double seconds;
	double warmup;
	size_t first_size; /* churn: of what comes ahead of each question */
	uint8_t first[PLAN_FIRST];
};

/* scenarios is an array ended by NULL. Returns false after a message on standard error. */
bool plan_parse(struct plan *plan_out, const struct scenario *const *scenarios, int argc,
                char **argv);

#endif
