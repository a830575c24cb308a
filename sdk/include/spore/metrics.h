/* spore/metrics.h - exporters of metrics.
 * SPDX-License-Identifier: MIT
 *
 * An exporter serves or sends metrics itself. It gets a listening socket from the host
 * (host->listener_get), or starts a timer in worker_start(), and reads the host's metrics through
 * the extension below. It usually has the flag SPORE_COMPF_SINGLE_WORKER.
 */
#ifndef SPORE_METRICS_H
#define SPORE_METRICS_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Filled by the exporter and called by the host. For each family, the host calls begin(), then
 * value() or histogram() for each series, then end(). */
typedef struct spore_metric_visitor {
	uint32_t struct_size;
	uint32_t reserved;
	/* `family->name` is the full name, including the prefix. */
	void (*begin)(void *arg, const spore_metric_spec *family);
	void (*value)(void *arg, const spore_kv *labels, size_t n_labels, double value);
	/* For a histogram or a summary. cumulative[i] is the number of observations <= bounds[i].
	 * `count` is the number of all observations. A summary has n_bounds 0. */
	void (*histogram)(void *arg, const spore_kv *labels, size_t n_labels, const double *bounds,
	                  const uint64_t *cumulative, size_t n_bounds, uint64_t count, double sum);
	void (*end)(void *arg);
} spore_metric_visitor;
SPORE_GROWABLE(spore_metric_visitor, end);

/* Host extension: visits all metrics, summed over all workers. A counter never decreases between
 * two visits. The callbacks must not call the host's metric_family(), metric_series() or visit(),
 * because these would wait for the end of the visit. (reenters) [any] */
#define SPORE_EXT_METRICS "spore.metrics/1"
typedef struct spore_ext_metrics {
	uint32_t struct_size;
	uint32_t reserved;
	void (*visit)(const spore_metric_visitor *, void *arg);
} spore_ext_metrics;
SPORE_GROWABLE(spore_ext_metrics, visit);

/* Host extension: whether the process is ready to serve. It is not ready
 *  - before its start is complete,
 *  - while it drains, and
 *  - while a worker has hung, in a plugin or elsewhere, for longer than the operator allows (the
 *    key unready_after of the section "plugins").
 * Both functions return at once. [any] */
#define SPORE_EXT_READY "spore.ready/1"
typedef struct spore_ext_ready {
	uint32_t struct_size;
	uint32_t reserved;
	/* Returns 1 if it is ready, otherwise 0. */
	uint32_t (*is_ready)(void);
	/* Returns the same, and writes why the process is not ready, as one line of text. If a
	 * worker hangs, the line names it and the plugin. If the process is ready, the text is
	 * empty. It is NUL-terminated and cut at `size` bytes. */
	uint32_t (*explain)(char *text, size_t size);
} spore_ext_ready;
SPORE_GROWABLE(spore_ext_ready, explain);

/* An exporter has no functions of its own kind: the host calls only those of its component's life
 * cycle. */
typedef struct spore_metrics_ops {
	uint32_t struct_size;
	uint32_t flags; /* 0 */
} spore_metrics_ops;
SPORE_GROWABLE(spore_metrics_ops, flags);

#ifdef __cplusplus
}
#endif
#endif
