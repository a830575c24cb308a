#include "services/plugin_metrics.h"

#include <stdio.h>

#include "host/instance.h"
#include "log/log.h"
#include "log/mistake.h"
#include "metrics/metrics.h"
#include "services/backing.h"

/* Registers the family under its full name. 0, and *why_out: it is refused. */
static uint32_t add_family(const char *component, spore_metric_spec *spec, char full_name_out[],
                           size_t size, const char **why_out)
{
	const char *name = spec->name ? spec->name : "";
	int len = snprintf(full_name_out, size, "spore_%s_%s", component, name);

	spec->name = full_name_out;
	if ((size_t)len >= size) {
		*why_out = "the name is too long";
		return 0;
	}
	if (*name < 'a' || *name > 'z') {
		*why_out = "the name does not start with a-z";
		return 0;
	}
	return metrics_family(backing()->metrics, spec, why_out);
}

uint32_t host_metric_family(spore_ctx *ctx, const spore_metric_spec *spec)
{
	spore_metric_spec full;
	const char *why;
	char name[128];
	uint32_t family;

	if (!ctx || !spec) {
		mistake(backing_name(ctx), "metric_family", "ctx or spec is NULL");
		return 0;
	}
	SPORE_COPY(&full, spec);
	family = add_family(instance_of(ctx)->component->name, &full, name, sizeof name, &why);
	if (!family)
		log_error("metric refused", log_str("plugin", backing_name(ctx)),
		          log_str("metric", name), log_str("error", why));
	return family;
}

static const char *values_fault(const spore_str *values, size_t n)
{
	enum { VALUE_MAX = 1024 };

	if (!values && n)
		return "values is NULL";
	for (size_t i = 0; i < n; i++) {
		if (backing_is_null(values[i]))
			return "a value is NULL with a length";
		if (values[i].len > VALUE_MAX)
			return "a value is longer than 1024 bytes";
	}
	return NULL;
}

uint32_t host_metric_series(uint32_t family, const spore_str *values, size_t n)
{
	const char *fault = values_fault(values, n);
	uint32_t series = 0;

	if (family && !fault) {
		series = metrics_series(backing()->metrics, family, values, n);
		fault = series ? NULL : "unknown family, or another number of values";
	}
	if (fault)
		mistake(NULL, "metric_series", fault);
	return series;
}

static unsigned shard_of(const spore_worker *worker)
{
	return worker ? instance_worker_index(worker) : METRICS_SHARED;
}

static void check_series(bool good, const char *function)
{
	if (!good)
		mistake(NULL, function, "unknown series, or of another type");
}

void host_metric_add(spore_worker *worker, uint32_t series, double delta)
{
	check_series(metrics_add(backing()->metrics, shard_of(worker), series, delta),
	             "metric_add");
}

void host_metric_set(spore_worker *worker, uint32_t series, double value)
{
	check_series(metrics_set(backing()->metrics, shard_of(worker), series, value),
	             "metric_set");
}

void host_metric_observe(spore_worker *worker, uint32_t series, double value)
{
	check_series(metrics_observe(backing()->metrics, shard_of(worker), series, value),
	             "metric_observe");
}

static void ext_visit(const spore_metric_visitor *visitor, void *arg)
{
	spore_metric_visitor full;

	if (!visitor || !SPORE_CAN(visitor, begin) || !SPORE_CAN(visitor, value)) {
		mistake(NULL, "visit", "the visitor is NULL, or lacks begin or value");
		return;
	}
	SPORE_COPY(&full, visitor);
	metrics_visit(backing()->metrics, &full, arg);
}

const spore_ext_metrics plugin_metrics_extension = { sizeof plugin_metrics_extension, 0,
	                                             ext_visit };
