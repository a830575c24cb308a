#include "metrics/families.h"

#include <string.h>

#include "suite.h"

static const char *const values[] = { "a", "b", "c", "d", "e", "f", "g", "h" };

struct seen {
	const spore_metric_spec *now;
	unsigned families, series, helpless;
};

static void on_begin(void *arg, const spore_metric_spec *spec)
{
	struct seen *seen = arg;

	seen->now = spec;
	seen->families++;
	seen->helpless += strlen(spec->help) == 0 || spec->help[strlen(spec->help) - 1] != '.';
	ck_assert_msg(strncmp(spec->name, "spore_", 6) == 0, "%s", spec->name);
	/* A duration's name ends in its unit. */
	ck_assert_msg(spec->type != SPORE_METRIC_HISTOGRAM || strcmp(spec->unit, "seconds") == 0,
	              "%s", spec->name);
}

static void on_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	(void)labels;
	(void)n;
	(void)value;
	((struct seen *)arg)->series++;
}

static void on_histogram(void *arg, const spore_kv *labels, size_t n, const double *bounds,
                         const uint64_t *cumulative, size_t n_bounds, uint64_t count, double sum)
{
	(void)bounds;
	(void)cumulative;
	(void)n_bounds;
	(void)count;
	on_value(arg, labels, n, sum);
}

static void on_end(void *arg)
{
	((struct seen *)arg)->now = NULL;
}

/* All specs are valid, and no two clash. */
START_TEST(all_can_be_registered_together)
{
	static const spore_metric_visitor visitor = { sizeof visitor, 0,     on_begin, on_value,
		                                      on_histogram,   on_end };
	struct metrics *metrics = metrics_new(1);
	struct seen seen = { 0 };

	for (int i = 0; i < FAMILY_COUNT; i++) {
		uint32_t series = family_series(metrics, i, values);

		ck_assert_uint_ne(series, 0);
		ck_assert_uint_eq(family_series(metrics, i, values), series);
	}
	metrics_visit(metrics, &visitor, &seen);
	ck_assert_uint_eq(seen.families, FAMILY_COUNT);
	ck_assert_uint_eq(seen.series, FAMILY_COUNT);
	ck_assert_uint_eq(seen.helpless, 0);
	metrics_free(metrics);
}
END_TEST

/* Identities past the bound share one series. */
START_TEST(identities_are_bounded)
{
	struct metrics *metrics = metrics_new(1);
	uint32_t last = 0;

	for (int i = 0; i < 300; i++) {
		char name[8];
		const char *identity = name;
		uint32_t series;

		snprintf(name, sizeof name, "u%d", i);
		series = family_series(metrics, FAMILY_BYTES_UP, &identity);
		ck_assert_uint_ne(series, 0);
		ck_assert(i <= 100 || series == last);
		last = series;
	}
	metrics_free(metrics);
}
END_TEST

SUITE("families", all_can_be_registered_together, identities_are_bounded)
