/*
 * The counts of one worker of the load generator, and the JSON line with them.
 *
 * Everything done is in total. Only what was done inside the measured window, after the warm-up
 * and before the end, is in counted and in the latencies: a rate must not contain the start, while
 * a figure for each unit of work (CPU time, say) must contain all work.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include "histogram.h"

#include <stdbool.h>
#include <stdint.h>

struct plan;

enum tally_error {
	TALLY_CONNECT, /* refused, or never connected */
	TALLY_RESET,   /* ended by an error */
	TALLY_SHORT,   /* ended before everything had come */
	TALLY_WRONG,   /* other bytes than those expected */
	TALLY_TIMEOUT, /* no end in time */
	TALLY_LOCAL,   /* the generator itself ran out of descriptors, ports or memory */
	TALLY_ERRORS
};

/* Times are clock_ns. opened is 0 before the window, closed is 0 until its end. */
struct tally {
	uint64_t open_at;
	uint64_t close_at; /* 0: tally_close decides */
	uint64_t opened;
	uint64_t closed;
	uint64_t total;
	uint64_t counted;
	double rate; /* counted a second, known after tally_close */
	uint64_t errors[TALLY_ERRORS];
	struct histogram latency; /* nanoseconds */
};

/* The window opens after warmup and closes seconds later; 0 seconds leave the end to
 * tally_close. */
void tally_start(struct tally *tally, double warmup, double seconds);

/* Opens and closes the window as time passes; to be called at least every 100 ms or so. Returns
 * false once it is closed. */
bool tally_is_running(struct tally *tally);

void tally_close(struct tally *tally);

void tally_add(struct tally *tally, uint64_t units);
void tally_add_timed(struct tally *tally, uint64_t latency);

void tally_fail(struct tally *tally, enum tally_error error);

uint64_t tally_failures(const struct tally *tally);

void tally_merge(struct tally *tally, const struct tally *other);

/* One line on standard output. */
void tally_print(const struct tally *tally, const struct plan *plan);

#endif
