/*
 * Counts of values in buckets that widen with the value: 64 buckets for each power of two, so a
 * quantile is off by less than 1.6 %, at a fixed size and without keeping the values.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 6u
#define HISTOGRAM_STEPS     (1u << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_BUCKETS   ((64u - HISTOGRAM_STEP_BITS + 1u) * HISTOGRAM_STEPS)

/* All zero is an empty histogram. The buckets add up to count. */
struct histogram {
	uint64_t count;
	uint64_t sum;
	uint64_t max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The smallest bucket edge that at least this share (0 to 1) of the values do not exceed; 0 if
 * there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

uint64_t histogram_mean(const struct histogram *histogram);

#endif
