#include "series.h"

enum { MAX_SERIES = 1000 };

static uint32_t add_single(const spore_create_args *args, spore_metric_spec *spec)
{
	static const char *const labels[] = { "plugin" };
	spore_str value = spore_cstr(args->instance);

	spec->labels = labels;
	spec->n_labels = 1;
	return args->host->metric_series(args->host->metric_family(args->ctx, spec), &value, 1);
}

uint32_t series_gauge(const spore_create_args *args, const char *name, const char *help)
{
	spore_metric_spec spec = {
		.struct_size = sizeof spec,
		.type = SPORE_METRIC_GAUGE,
		.name = name,
		.help = help,
		.max_series = MAX_SERIES,
	};

	return add_single(args, &spec);
}

uint32_t series_seconds(const spore_create_args *args, const char *name, const char *help,
                        double least)
{
	static const double bounds[] = { 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3 };
	size_t n = sizeof bounds / sizeof *bounds, first = 0;
	spore_metric_spec spec = {
		.struct_size = sizeof spec,
		.type = SPORE_METRIC_HISTOGRAM,
		.name = name,
		.help = help,
		.unit = "seconds",
		.max_series = MAX_SERIES,
	};

	while (first + 1 < n && bounds[first] < least)
		first++;
	spec.bounds = bounds + first;
	spec.n_bounds = n - first;
	return add_single(args, &spec);
}

void series_counters(const spore_create_args *args, const char *name, const char *help,
                     const struct series_label *label, uint32_t *out)
{
	const char *const labels[] = { "plugin", label->name };
	const spore_metric_spec spec = {
		.struct_size = sizeof spec,
		.type = SPORE_METRIC_COUNTER,
		.name = name,
		.help = help,
		.labels = labels,
		.n_labels = 2,
		.max_series = MAX_SERIES,
	};
	uint32_t family = args->host->metric_family(args->ctx, &spec);
	spore_str values[] = { spore_cstr(args->instance), { NULL, 0 } };

	for (size_t i = 0; i < label->n; i++) {
		values[1] = spore_cstr(label->values[i]);
		out[i] = args->host->metric_series(family, values, 2);
	}
}
