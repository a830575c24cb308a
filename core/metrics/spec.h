/* spec - the description of a family of metrics: whether it is valid, whether two of them can exist
 * together, and copies of it. Pure, except for the copies' memory. [any] */
#ifndef CORE_SPEC_H
#define CORE_SPEC_H

#include <spore/metrics.h>
#include <stdbool.h>

enum { SPEC_MAX_BOUNDS = 64, SPEC_MAX_LABELS = 32, SPEC_DEFAULT_MAX_SERIES = 100 };

/* What is wrong with the spec, as a static text; NULL: nothing. */
const char *spec_fault(const spore_metric_spec *spec);
/* True for histograms and summaries, whose values are observed. */
static inline bool spec_is_distribution(const spore_metric_spec *spec)
{
	return spec->type == SPORE_METRIC_HISTOGRAM || spec->type == SPORE_METRIC_SUMMARY;
}
/* True if both have the same type, labels and bounds. Their names are not compared. */
bool spec_same_shape(const spore_metric_spec *a, const spore_metric_spec *b);
/* True if a sample of one could have the name of a sample of the other, in Prometheus' text format
 * or in OpenMetrics. */
bool spec_clash(const spore_metric_spec *a, const spore_metric_spec *b);

/* Fills *copy_out with a deep copy, in which max_series is never 0. False: out of memory. */
bool spec_copy(spore_metric_spec *copy_out, const spore_metric_spec *spec);
/* Frees what a copy owns. */
void spec_fini(spore_metric_spec *copy);

#endif
