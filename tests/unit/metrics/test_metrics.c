#include "metrics/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

static const char *const one_label[] = { "name" };
static const double bounds[] = { 1, 5, 10 };

static spore_metric_spec spec_of(uint32_t type, const char *name)
{
	spore_metric_spec spec = {
		.struct_size = sizeof spec, .type = type, .name = name, .help = "h"
	};

	if (type == SPORE_METRIC_HISTOGRAM) {
		spec.bounds = bounds;
		spec.n_bounds = 3;
	}
	return spec;
}

static uint32_t family(struct metrics *metrics, const spore_metric_spec *spec)
{
	const char *why = NULL;
	uint32_t id = metrics_family(metrics, spec, &why);

	ck_assert((id == 0) == (why != NULL));
	return id;
}

/* What a visit saw, as text: "name{label=value}=1;" and "name=[1 2 3]3/6;". */
struct seen {
	char text[8192];
	const spore_metric_spec *family;
};

static void on_begin(void *arg, const spore_metric_spec *spec)
{
	((struct seen *)arg)->family = spec;
}

static char *put_name(struct seen *seen, const spore_kv *labels, size_t n)
{
	char *end = seen->text + strlen(seen->text);

	end += sprintf(end, "%s", seen->family->name);
	for (size_t i = 0; i < n; i++)
		end += sprintf(end, "{%.*s=%.*s}", (int)labels[i].key.len, labels[i].key.ptr,
		               (int)labels[i].value.len,
		               labels[i].value.len ? labels[i].value.ptr : "");
	return end;
}

static void on_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	sprintf(put_name(arg, labels, n), "=%g;", value);
}

static void on_histogram(void *arg, const spore_kv *labels, size_t n, const double *limits,
                         const uint64_t *cumulative, size_t n_limits, uint64_t count, double sum)
{
	char *end = put_name(arg, labels, n);

	ck_assert_mem_eq(limits, bounds, sizeof bounds);
	end += sprintf(end, "=[");
	for (size_t i = 0; i < n_limits; i++) {
		ck_assert(i == 0 || cumulative[i] >= cumulative[i - 1]);
		end += sprintf(end, "%lu ", (unsigned long)cumulative[i]);
	}
	ck_assert_uint_ge(count, cumulative[n_limits - 1]);
	sprintf(end, "]%lu/%g;", (unsigned long)count, sum);
}

static void on_end(void *arg)
{
	((struct seen *)arg)->family = NULL;
}

static const spore_metric_visitor visitor = { sizeof visitor, 0,     on_begin, on_value,
	                                      on_histogram,   on_end };

static void on_distribution(void *arg, const spore_kv *labels, size_t n, const double *limits,
                            const uint64_t *cumulative, size_t n_limits, uint64_t count, double sum)
{
	(void)limits;
	(void)cumulative;
	ck_assert_uint_eq(n_limits, 0);
	sprintf(put_name(arg, labels, n), "=%lu/%g;", (unsigned long)count, sum);
}

static const spore_metric_visitor boundless = { sizeof boundless, 0,     on_begin, on_value,
	                                        on_distribution,  on_end };

static const char *visit(struct metrics *metrics)
{
	static struct seen seen;

	seen.text[0] = '\0';
	metrics_visit(metrics, &visitor, &seen);
	return seen.text;
}

START_TEST(shards_are_added_up)
{
	struct metrics *metrics = metrics_new(3);
	spore_metric_spec counter = spec_of(SPORE_METRIC_COUNTER, "c_total"),
			  gauge = spec_of(SPORE_METRIC_GAUGE, "g");
	uint32_t c = metrics_series(metrics, family(metrics, &counter), NULL, 0);
	uint32_t g = metrics_series(metrics, family(metrics, &gauge), NULL, 0);

	for (unsigned shard = 0; shard < 3; shard++) {
		metrics_add(metrics, shard, c, shard + 1);
		metrics_set(metrics, shard, g, 10 * shard);
		metrics_add(metrics, shard, g, -1);
	}
	ck_assert_str_eq(visit(metrics), "c_total=6;g=27;");
	metrics_free(metrics);
	metrics_free(NULL);
}
END_TEST

START_TEST(the_shared_shard_is_one_more)
{
	struct metrics *metrics = metrics_new(1);
	spore_metric_spec counter = spec_of(SPORE_METRIC_COUNTER, "c_total"),
			  gauge = spec_of(SPORE_METRIC_GAUGE, "g"),
			  histogram = spec_of(SPORE_METRIC_HISTOGRAM, "h");
	uint32_t c = metrics_series(metrics, family(metrics, &counter), NULL, 0);
	uint32_t g = metrics_series(metrics, family(metrics, &gauge), NULL, 0);
	uint32_t h = metrics_series(metrics, family(metrics, &histogram), NULL, 0);

	metrics_add(metrics, 0, c, 1);
	metrics_add(metrics, METRICS_SHARED, c, 2);
	metrics_add(metrics, METRICS_SHARED, c, -5);
	metrics_set(metrics, METRICS_SHARED, g, 7);
	metrics_add(metrics, METRICS_SHARED, g, -0.5);
	metrics_observe(metrics, 0, h, 1);
	metrics_observe(metrics, METRICS_SHARED, h, 6);
	ck_assert_str_eq(visit(metrics), "c_total=3;g=6.5;h=[1 1 2 ]2/7;");
	metrics_free(metrics);
}
END_TEST

START_TEST(a_counter_never_goes_down)
{
	struct metrics *metrics = metrics_new(1);
	spore_metric_spec spec = spec_of(SPORE_METRIC_COUNTER, "c_total");
	uint32_t c = metrics_series(metrics, family(metrics, &spec), NULL, 0);

	metrics_add(metrics, 0, c, 5);
	metrics_add(metrics, 0, c, -3);
	metrics_add(metrics, 0, c, (double)NAN);
	metrics_set(metrics, 0, c, 1);
	metrics_observe(metrics, 0, c, 1);
	ck_assert_str_eq(visit(metrics), "c_total=5;");
	metrics_free(metrics);
}
END_TEST

START_TEST(unknown_series_and_shards_are_ignored)
{
	struct metrics *metrics = metrics_new(1);
	spore_metric_spec spec = spec_of(SPORE_METRIC_GAUGE, "g"),
			  histogram = spec_of(SPORE_METRIC_HISTOGRAM, "h");
	uint32_t g = metrics_series(metrics, family(metrics, &spec), NULL, 0);
	uint32_t h = metrics_series(metrics, family(metrics, &histogram), NULL, 0);
	uint32_t bad[] = { 0, h + 1, h + 2, h + 4, h + 5, 100000, 262144, 262145, UINT32_MAX };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		metrics_add(metrics, 0, bad[i], 1);
		metrics_set(metrics, 0, bad[i], 1);
		metrics_observe(metrics, 0, bad[i], 1);
	}
	metrics_set(metrics, 1, g, 1);
	metrics_add(metrics, 0, h, 1);
	metrics_set(metrics, 0, h, 1);
	ck_assert_str_eq(visit(metrics), "g=0;h=[0 0 0 ]0/0;");
	ck_assert_uint_eq(metrics_series(metrics, 99, NULL, 0), 0);
	ck_assert_uint_eq(metrics_series(metrics, 0, NULL, 0), 0);
	ck_assert_uint_eq(metrics_series(metrics, 1, (spore_str[]){ spore_cstr("x") }, 1), 0);
	metrics_free(metrics);
}
END_TEST

START_TEST(a_histogram_counts_into_its_bounds)
{
	static const double values[] = { -1, 1, 1.5, 5, 9, 10, 11, 1e300 };
	struct metrics *metrics = metrics_new(2);
	spore_metric_spec spec = spec_of(SPORE_METRIC_HISTOGRAM, "h");
	uint32_t h = metrics_series(metrics, family(metrics, &spec), NULL, 0);

	for (unsigned i = 0; i < 7; i++)
		metrics_observe(metrics, i % 2, h, values[i]);
	ck_assert_str_eq(visit(metrics), "h=[2 4 6 ]7/36.5;");
	metrics_free(metrics);
}
END_TEST

/* A summary is a histogram without bounds. */
START_TEST(a_summary_has_a_count_and_a_sum)
{
	struct metrics *metrics = metrics_new(2);
	spore_metric_spec summary = spec_of(SPORE_METRIC_SUMMARY, "s"),
			  gauge = spec_of(SPORE_METRIC_GAUGE, "g");
	uint32_t s = metrics_series(metrics, family(metrics, &summary), NULL, 0);
	uint32_t g = metrics_series(metrics, family(metrics, &gauge), NULL, 0);
	static struct seen seen;

	metrics_set(metrics, 0, g, 7); /* its cell is the next one */
	metrics_observe(metrics, 0, s, 1.5);
	metrics_observe(metrics, 1, s, 2);
	metrics_observe(metrics, 1, s, (double)NAN);
	metrics_add(metrics, 0, s, 1);
	metrics_set(metrics, 0, s, 1);
	metrics_visit(metrics, &boundless, &seen);
	ck_assert_str_eq(seen.text, "s=2/3.5;g=7;");
	summary.bounds = bounds;
	summary.n_bounds = 1;
	summary.name = "t";
	ck_assert_uint_eq(family(metrics, &summary), 0);
	metrics_free(metrics);
}
END_TEST

static double read_number(void *number)
{
	return *(double *)number;
}

START_TEST(a_sampled_series_is_read_when_visited)
{
	struct metrics *metrics = metrics_new(1);
	spore_metric_spec gauge = spec_of(SPORE_METRIC_GAUGE, "g"),
			  histogram = spec_of(SPORE_METRIC_HISTOGRAM, "h");
	uint32_t g = metrics_series(metrics, family(metrics, &gauge), NULL, 0);
	uint32_t h = metrics_series(metrics, family(metrics, &histogram), NULL, 0);
	double number = 5;

	metrics_sample(metrics, g, read_number, &number);
	metrics_sample(metrics, h, read_number, &number);
	metrics_sample(metrics, 0, read_number, &number);
	ck_assert_str_eq(visit(metrics), "g=5;h=[0 0 0 ]0/0;");
	number = 6;
	metrics_add(metrics, 0, g, 1);
	ck_assert_str_eq(visit(metrics), "g=7;h=[0 0 0 ]0/0;");
	metrics_sample(metrics, g, NULL, NULL);
	ck_assert_str_eq(visit(metrics), "g=1;h=[0 0 0 ]0/0;");
	metrics_free(metrics);
}
END_TEST

START_TEST(a_hidden_series_keeps_its_value)
{
	struct metrics *metrics = metrics_new(1);
	spore_metric_spec gauge = spec_of(SPORE_METRIC_GAUGE, "g");
	uint32_t g = metrics_series(metrics, family(metrics, &gauge), NULL, 0);

	metrics_add(metrics, 0, g, 3);
	metrics_hide(metrics, g, true);
	metrics_hide(metrics, 0, true);
	ck_assert_str_eq(visit(metrics), "");
	metrics_add(metrics, 0, g, 1);
	metrics_hide(metrics, g, false);
	ck_assert_str_eq(visit(metrics), "g=4;");
	metrics_free(metrics);
}
END_TEST

/* Samples of both families would have the same name in one of the formats. */
START_TEST(names_that_exporters_could_not_tell_apart_are_refused)
{
	static const struct {
		uint32_t type, other_type;
		const char *name, *other;
		bool clash;
	} pairs[] = {
		{ SPORE_METRIC_COUNTER, SPORE_METRIC_GAUGE, "a_total", "a", true },
		{ SPORE_METRIC_COUNTER, SPORE_METRIC_GAUGE, "a_total", "a_b", false },
		{ SPORE_METRIC_HISTOGRAM, SPORE_METRIC_GAUGE, "a", "a_count", true },
		{ SPORE_METRIC_HISTOGRAM, SPORE_METRIC_GAUGE, "a", "a_bucket", true },
		{ SPORE_METRIC_SUMMARY, SPORE_METRIC_GAUGE, "a", "a_sum", true },
		{ SPORE_METRIC_SUMMARY, SPORE_METRIC_GAUGE, "a", "a_sums", false },
		{ SPORE_METRIC_SUMMARY, SPORE_METRIC_COUNTER, "a", "a_total", true },
		{ SPORE_METRIC_GAUGE, SPORE_METRIC_GAUGE, "a", "a_sum", false },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		spore_metric_spec one = spec_of(pairs[i].type, pairs[i].name);
		spore_metric_spec other = spec_of(pairs[i].other_type, pairs[i].other);
		struct metrics *metrics = metrics_new(1), *reversed = metrics_new(1);

		ck_assert_uint_ne(family(metrics, &one), 0);
		ck_assert_int_eq(family(metrics, &other) == 0, pairs[i].clash);
		ck_assert_uint_ne(family(reversed, &other), 0);
		ck_assert_int_eq(family(reversed, &one) == 0, pairs[i].clash);
		metrics_free(metrics);
		metrics_free(reversed);
	}
}
END_TEST

START_TEST(registering_again_finds_the_family)
{
	struct metrics *metrics = metrics_new(1);
	spore_metric_spec spec = spec_of(SPORE_METRIC_HISTOGRAM, "h");
	double same_bounds[] = { 1, 5, 10 }, other_bounds[] = { 1, 5, 11 };
	uint32_t id = family(metrics, &spec);

	ck_assert_uint_ne(id, 0);
	spec.bounds = same_bounds;
	ck_assert_uint_eq(family(metrics, &spec), id);
	spec.bounds = other_bounds;
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec = spec_of(SPORE_METRIC_GAUGE, "h");
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec = spec_of(SPORE_METRIC_GAUGE, "h2");
	ck_assert_uint_ne(family(metrics, &spec), id);
	ck_assert_str_eq(visit(metrics), "");
	metrics_free(metrics);
}
END_TEST

START_TEST(bad_specs_are_refused)
{
	static const char *const bad_names[] = { NULL, "", "A", "1a", "a-b", "a b", "aB", "_a" };
	static const char *const bad_label[] = { "le-gal" };
	struct metrics *metrics = metrics_new(1);
	spore_metric_spec spec;

	for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++) {
		spec = spec_of(SPORE_METRIC_GAUGE, bad_names[i]);
		ck_assert_uint_eq(family(metrics, &spec), 0);
	}
	spec = spec_of(0, "a");
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec = spec_of(5, "a");
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec = spec_of(SPORE_METRIC_HISTOGRAM, "a");
	spec.n_bounds = 0;
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec.n_bounds = 2;
	spec.bounds = (double[]){ 2, 2 };
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec.bounds = (double[]){ 2, (double)NAN };
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec = spec_of(SPORE_METRIC_COUNTER, "a_total");
	spec.labels = bad_label;
	spec.n_labels = 1;
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec.labels = (const char *const[]){ "le", "le" };
	spec.n_labels = 2;
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec = spec_of(SPORE_METRIC_HISTOGRAM, "a");
	spec.labels = (const char *const[]){ "le" };
	spec.n_labels = 1;
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec = spec_of(SPORE_METRIC_COUNTER, "a");
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec = spec_of(SPORE_METRIC_GAUGE, "a_total");
	ck_assert_uint_eq(family(metrics, &spec), 0);
	metrics_free(metrics);
}
END_TEST

/* NaN is not a bound, and neither is +Inf. */
START_TEST(a_bound_is_a_finite_number)
{
	struct metrics *metrics = metrics_new(1);
	spore_metric_spec spec = spec_of(SPORE_METRIC_HISTOGRAM, "a");

	spec.n_bounds = 1;
	spec.bounds = (double[]){ (double)NAN };
	ck_assert_uint_eq(family(metrics, &spec), 0);
	spec.bounds = (double[]){ (double)INFINITY };
	ck_assert_uint_eq(family(metrics, &spec), 0);
	metrics_free(metrics);
}
END_TEST

START_TEST(past_the_bound_all_share_one_series)
{
	struct metrics *metrics = metrics_new(1);
	spore_metric_spec spec = spec_of(SPORE_METRIC_COUNTER, "c_total");
	uint32_t id, first = 0, other = 0;

	spec.labels = one_label;
	spec.n_labels = 1;
	spec.max_series = 2;
	id = family(metrics, &spec);
	for (int i = 0; i < 6; i++) {
		char value[8];
		spore_str text = { value, (size_t)snprintf(value, sizeof value, "v%d", i) };
		uint32_t series = metrics_series(metrics, id, &text, 1);

		ck_assert_uint_ne(series, 0);
		metrics_add(metrics, 0, series, 1);
		first = i == 0 ? series : first;
		ck_assert(i < 3 || series == other);
		other = series;
	}
	ck_assert_uint_eq(metrics_series(metrics, id, (spore_str[]){ spore_cstr("v0") }, 1), first);
	ck_assert_str_eq(visit(metrics),
	                 "c_total{name=v0}=1;c_total{name=v1}=1;c_total{name=other}=4;");
	metrics_free(metrics);
}
END_TEST

START_TEST(an_empty_value_is_a_value)
{
	struct metrics *metrics = metrics_new(1);
	spore_metric_spec spec = spec_of(SPORE_METRIC_GAUGE, "g");
	uint32_t id, series;

	spec.labels = one_label;
	spec.n_labels = 1;
	id = family(metrics, &spec);
	series = metrics_series(metrics, id, (spore_str[]){ { NULL, 0 } }, 1);
	ck_assert_uint_ne(series, 0);
	ck_assert_uint_eq(metrics_series(metrics, id, (spore_str[]){ { NULL, 0 } }, 1), series);
	ck_assert_str_eq(visit(metrics), "g{name=}=0;");
	metrics_free(metrics);
}
END_TEST

START_TEST(many_histograms_keep_their_cells_apart)
{
	struct metrics *metrics = metrics_new(2);
	spore_metric_spec spec = spec_of(SPORE_METRIC_HISTOGRAM, "h");
	uint32_t id, series[300];
	static struct seen seen;

	spec.labels = one_label;
	spec.n_labels = 1;
	spec.max_series = 1000;
	id = family(metrics, &spec);
	for (int i = 0; i < 120; i++) {
		char value[8];
		spore_str text = { value, (size_t)snprintf(value, sizeof value, "%d", i) };

		series[i] = metrics_series(metrics, id, &text, 1);
		metrics_observe(metrics, i % 2, series[i], i);
	}
	seen.text[0] = '\0';
	metrics_visit(metrics, &visitor, &seen);
	ck_assert_ptr_nonnull(strstr(seen.text, "h{name=0}=[1 1 1 ]1/0;"));
	ck_assert_ptr_nonnull(strstr(seen.text, "h{name=5}=[0 1 1 ]1/5;"));
	ck_assert_ptr_nonnull(strstr(seen.text, "h{name=10}=[0 0 1 ]1/10;"));
	ck_assert_ptr_nonnull(strstr(seen.text, "h{name=119}=[0 0 0 ]1/119;"));
	metrics_free(metrics);
}
END_TEST

/* ---- threads ---- */

enum { SHARDS = 2, THREADS = 5, UPDATES = 20000 };

static struct {
	struct metrics *metrics;
	uint32_t counter;
	atomic_uint running;
} storm;

/* Some threads have a shard of their own, the others share one. New series are added meanwhile. */
static void *update(void *arg)
{
	unsigned shard = *(unsigned *)arg;
	spore_metric_spec spec = spec_of(SPORE_METRIC_HISTOGRAM, "h");

	spec.labels = one_label;
	spec.n_labels = 1;
	for (int i = 0; i < UPDATES; i++) {
		metrics_add(storm.metrics, shard, storm.counter, 1);
		if (i % 50 == 0) {
			const char *why;
			char value[8];
			spore_str text = { value, (size_t)snprintf(value, sizeof value, "%d",
				                                   i / 50 % 150) };
			uint32_t id = metrics_family(storm.metrics, &spec, &why);

			metrics_observe(storm.metrics, shard,
			                metrics_series(storm.metrics, id, &text, 1), 1);
		}
	}
	atomic_fetch_sub(&storm.running, 1);
	return NULL;
}

static void keep_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	(void)labels;
	(void)n;
	*(double *)arg = value;
}

static void no_family(void *arg, const spore_metric_spec *spec)
{
	(void)arg;
	(void)spec;
}

static void add_count(void *arg, const spore_kv *labels, size_t n, const double *limits,
                      const uint64_t *cumulative, size_t n_limits, uint64_t count, double sum)
{
	(void)arg;
	(void)labels;
	(void)n;
	(void)limits;
	ck_assert_uint_ge(count, cumulative[n_limits - 1]);
	ck_assert(sum >= 0);
}

static void no_end(void *arg)
{
	(void)arg;
}

START_TEST(updates_of_many_threads_are_all_counted)
{
	static const spore_metric_visitor keeper = { sizeof keeper, 0,         no_family,
		                                     keep_value,    add_count, no_end };
	spore_metric_spec spec = spec_of(SPORE_METRIC_COUNTER, "c_total");
	unsigned shards[THREADS] = { 0, 1, METRICS_SHARED, METRICS_SHARED, METRICS_SHARED };
	pthread_t threads[THREADS];
	double last = 0, now = 0;

	storm.metrics = metrics_new(SHARDS);
	storm.counter = metrics_series(storm.metrics, family(storm.metrics, &spec), NULL, 0);
	storm.running = THREADS;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, update, &shards[i]);
	while (storm.running) {
		metrics_visit(storm.metrics, &keeper, &now);
		ck_assert(now >= last);
		last = now;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	metrics_visit(storm.metrics, &keeper, &now);
	ck_assert_double_eq(now, THREADS * UPDATES);
	metrics_free(storm.metrics);
}
END_TEST

SUITE("metrics", shards_are_added_up, the_shared_shard_is_one_more, a_counter_never_goes_down,
      unknown_series_and_shards_are_ignored, a_histogram_counts_into_its_bounds,
      registering_again_finds_the_family, a_summary_has_a_count_and_a_sum,
      a_sampled_series_is_read_when_visited, a_hidden_series_keeps_its_value,
      names_that_exporters_could_not_tell_apart_are_refused, bad_specs_are_refused,
      a_bound_is_a_finite_number, past_the_bound_all_share_one_series, an_empty_value_is_a_value,
      many_histograms_keep_their_cells_apart, updates_of_many_threads_are_all_counted)
