/* metrics_file - an exporter that a timer runs. It writes a snapshot of all families to a file and
 * checks the invariants that the host promises. */
#include <spore/metrics.h>

#include "probe.h"

struct conf {
	const char *file;
	int64_t every;
};

static const spore_option options[] = {
	SPORE_STRING(struct conf, file, SPORE_OPTF_REQUIRED | SPORE_OPTF_PATH, NULL,
	             "where it writes"),
	SPORE_DURATION(struct conf, every, 0, "0.05", 1, 60000, "between two snapshots"),
};

struct exporter {
	PROBE_FIELDS;
	const spore_ext_metrics *metrics;
	const spore_ext_ready *ready;
	spore_worker *worker;
	spore_timer timer;
	uint32_t snapshots, sizes; /* series of our own */
	FILE *out;                 /* during a visit */
	const char *family;
};

static spore_status register_own(struct exporter *e)
{
	static const double bounds[] = { 1, 2, 4 };
	static const char *const labels[] = { "kind" };
	const spore_metric_spec counter = {
		.struct_size = sizeof counter,
		.type = SPORE_METRIC_COUNTER,
		.name = "snapshots_total",
		.help = "Snapshots written.",
		.labels = labels,
		.n_labels = 1,
	};
	const spore_metric_spec histogram = {
		.struct_size = sizeof histogram,
		.type = SPORE_METRIC_HISTOGRAM,
		.name = "turns",
		.help = "Numbers that come round.",
		.bounds = bounds,
		.n_bounds = 3,
	};
	spore_str kind = spore_cstr("file");

	e->snapshots = e->host->metric_series(e->host->metric_family(e->ctx, &counter), &kind, 1);
	e->sizes = e->host->metric_series(e->host->metric_family(e->ctx, &histogram), NULL, 0);
	return e->snapshots && e->sizes ? SPORE_OK : SPORE_EINVAL;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct exporter *e = PROBE_NEW(struct exporter, args);

	if (!e)
		return SPORE_ENOMEM;
	e->metrics = args->host->get_extension(SPORE_EXT_METRICS);
	e->ready = args->host->get_extension(SPORE_EXT_READY);
	if (!e->metrics || !SPORE_CAN(e->metrics, visit) || !e->ready ||
	    !SPORE_CAN(e->ready, is_ready) || args->host->get_extension("spore.none/1") ||
	    register_own(e) != SPORE_OK) {
		args->report(args, "", "the host lacks something");
		free(e);
		return SPORE_EUNSUPPORTED;
	}
	*instance_out = e;
	return SPORE_OK;
}

/* ---- one snapshot ---- */

static void on_begin(void *arg, const spore_metric_spec *family)
{
	static const char *const types[] = { "none", "counter", "gauge", "histogram", "summary" };
	struct exporter *e = arg;

	e->family = family->name;
	fprintf(e->out, "# %s %s\n", family->name, types[family->type]);
}

static void print_labels(const struct exporter *e, const spore_kv *labels, size_t n)
{
	fprintf(e->out, "%s{", e->family);
	for (size_t i = 0; i < n; i++)
		fprintf(e->out, "%.*s=\"%.*s\"", (int)labels[i].key.len, labels[i].key.ptr,
		        (int)labels[i].value.len, labels[i].value.ptr);
	fputs("}", e->out);
}

static void on_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	struct exporter *e = arg;

	print_labels(e, labels, n);
	fprintf(e->out, " %.17g\n", value);
}

static void on_histogram(void *arg, const spore_kv *labels, size_t n, const double *bounds,
                         const uint64_t *cumulative, size_t n_bounds, uint64_t count, double sum)
{
	struct exporter *e = arg;
	int good = n_bounds == 0 || cumulative[n_bounds - 1] <= count; /* none: a summary */

	for (size_t i = 1; i < n_bounds; i++)
		good = good && bounds[i - 1] < bounds[i] && cumulative[i - 1] <= cumulative[i];
	print_labels(e, labels, n);
	fprintf(e->out, " count=%llu sum=%.17g %s", (unsigned long long)count, sum,
	        good ? "good" : "BAD");
	for (size_t i = 0; i < n_bounds; i++)
		fprintf(e->out, " %g:%llu", bounds[i], (unsigned long long)cumulative[i]);
	fputs("\n", e->out);
}

static void on_end(void *arg)
{
	struct exporter *e = arg;

	e->family = NULL;
}

static const spore_metric_visitor visitor = {
	.struct_size = sizeof visitor,
	.begin = on_begin,
	.value = on_value,
	.histogram = on_histogram,
	.end = on_end,
};

static void write_snapshot(struct exporter *e)
{
	char path[4096];

	snprintf(path, sizeof path, "%s.new", e->conf->file);
	e->out = fopen(path, "w");
	if (!e->out)
		return;
	fprintf(e->out, "ready %u\n", e->ready->is_ready());
	e->metrics->visit(&visitor, e);
	fclose(e->out);
	rename(path, e->conf->file);
}

static void on_timer(void *arg)
{
	static int turn;
	struct exporter *e = arg;

	e->host->metric_add(e->worker, e->snapshots, 1);
	e->host->metric_add(e->worker, e->snapshots, -100); /* ignored: a counter never goes down */
	e->host->metric_observe(e->worker, e->sizes, ++turn % 6);
	write_snapshot(e);
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct exporter *e = instance;

	(void)ticket;
	if (e->worker || e->host->worker_index(worker) != 0)
		return SPORE_EINVAL; /* it is a single-worker component */
	e->worker = worker;
	*state_out = e;
	return e->host->timer_start(worker, e->conf->every, e->conf->every, on_timer, e, &e->timer);
}

static void worker_drain(void *state)
{
	struct exporter *e = state;

	write_snapshot(e);
}

static void worker_stop(void *state)
{
	struct exporter *e = state;

	e->host->timer_stop(e->timer);
}

static const spore_metrics_ops ops = { .struct_size = sizeof ops };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_METRICS,
	.name = "file",
	.summary = "writes all metrics to a file",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.flags = SPORE_COMPF_SINGLE_WORKER,
	.create = create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_drain = worker_drain,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("metrics_file", "1.0.0", "The Spore authors", "MIT", "", &component);
