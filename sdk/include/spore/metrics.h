/* spore/metrics.h - exporters of metrics.
 * SPDX-License-Identifier: MIT
 *
 * An exporter owns what it serves or sends: it asks the host for a listening socket
 * (host->listener_get) or starts a timer in worker_start(), and visits the host's families through
 * the extension below. It is usually a SPORE_COMPF_SINGLE_WORKER component.
 */
#ifndef SPORE_METRICS_H
#define SPORE_METRICS_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The exporter fills it, the host calls it: for each family begin, its series, end. */
typedef struct spore_metric_visitor {
	uint32_t struct_size;
	uint32_t reserved;
	/* The spec's name is the full one, prefix included. */
	void (*begin)(void *arg, const spore_metric_spec *family);
	void (*value)(void *arg, const spore_kv *labels, size_t n_labels, double value);
	/* cumulative[i] counts observations <= bounds[i]; count is the +Inf bucket. For a summary,
	 * too: its n_bounds is 0. */
	void (*histogram)(void *arg, const spore_kv *labels, size_t n_labels, const double *bounds,
	                  const uint64_t *cumulative, size_t n_bounds, uint64_t count, double sum);
	void (*end)(void *arg);
} spore_metric_visitor;
SPORE_GROWABLE(spore_metric_visitor, end);

/* Host extension: a snapshot over all workers. Counters never go down between two visits. The
 * callbacks may not call the host's metric_family, metric_series or visit: those would wait for the
 * visit's end. (reenters) [any] */
#define SPORE_EXT_METRICS "spore.metrics/1"
typedef struct spore_ext_metrics {
	uint32_t struct_size;
	uint32_t reserved;
	void (*visit)(const spore_metric_visitor *, void *arg);
} spore_ext_metrics;
SPORE_GROWABLE(spore_ext_metrics, visit);

/* Host extension: 1 once the process serves, 0 before and while it drains. [any] */
#define SPORE_EXT_READY "spore.ready/1"
typedef struct spore_ext_ready {
	uint32_t struct_size;
	uint32_t reserved;
	uint32_t (*is_ready)(void);
} spore_ext_ready;
SPORE_GROWABLE(spore_ext_ready, is_ready);

/* The component's life cycle is all that the host needs of an exporter. */
typedef struct spore_metrics_ops {
	uint32_t struct_size;
	uint32_t flags;                  /* 0 */
} spore_metrics_ops;
SPORE_GROWABLE(spore_metrics_ops, flags);

#ifdef __cplusplus
}
#endif
#endif
