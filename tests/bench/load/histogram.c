/* The latency histogram of the load generator. */
#include "histogram.h"

/* Below HISTOGRAM_STEPS each value has its own bucket; above, the top STEP_BITS + 1 bits decide. */
static unsigned bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
	return (shift + 1) * HISTOGRAM_STEPS + (unsigned)(value >> shift) - HISTOGRAM_STEPS;
}

static uint64_t upper_edge(unsigned bucket)
{
	unsigned shift;
	uint64_t top;

	if (bucket < HISTOGRAM_STEPS)
		return bucket;
	shift = bucket / HISTOGRAM_STEPS - 1;
	top = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
	return ((top + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->count++;
	histogram->sum += value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->buckets[bucket_of(value)]++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
	histogram->count += other->count;
	histogram->sum += other->sum;
	if (other->max > histogram->max)
		histogram->max = other->max;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		histogram->buckets[i] += other->buckets[i];
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
	double wanted = share * (double)histogram->count;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t edge = upper_edge(i);

		seen += histogram->buckets[i];
		if (seen > 0 && (double)seen >= wanted)
			return edge < histogram->max ? edge : histogram->max;
	}
	return 0;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
	return histogram->count > 0 ? histogram->sum / histogram->count : 0;
}
