/* plugin_metrics - of spore_host: the metrics of plugins, and all metrics for those that export
 * them. */
#ifndef CORE_PLUGIN_METRICS_H
#define CORE_PLUGIN_METRICS_H

#include <spore/host.h>
#include <spore/metrics.h>

uint32_t host_metric_family(spore_ctx *ctx, const spore_metric_spec *spec);
uint32_t host_metric_series(uint32_t family, const spore_str *values, size_t n);
void host_metric_add(spore_worker *worker, uint32_t series, double delta);
void host_metric_set(spore_worker *worker, uint32_t series, double value);
void host_metric_observe(spore_worker *worker, uint32_t series, double value);

extern const spore_ext_metrics plugin_metrics_extension;

#endif
