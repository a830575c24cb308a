#include "metrics/spec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

static const double bounds[] = { 1, 5 };

static spore_metric_spec spec_of(uint32_t type, const char *name)
{
	spore_metric_spec spec = { .struct_size = sizeof spec, .type = type, .name = name };

	if (type == SPORE_METRIC_HISTOGRAM) {
		spec.bounds = bounds;
		spec.n_bounds = 2;
	}
	return spec;
}

static spore_metric_spec with_labels(spore_metric_spec spec, const char *const *labels, size_t n)
{
	spec.labels = labels;
	spec.n_labels = n;
	return spec;
}

static void check_fault(spore_metric_spec spec, const char *expected)
{
	const char *fault = spec_fault(&spec);

	if (!expected)
		ck_assert_msg(!fault, "%s: %s", spec.name, fault);
	else
		ck_assert_str_eq(fault ? fault : "none", expected);
}

START_TEST(a_name_tells_a_counter)
{
	static const char ending[] =
		"a counter's name must end in _total, and other names must not";

	check_fault(spec_of(SPORE_METRIC_COUNTER, "a_total"), NULL);
	check_fault(spec_of(SPORE_METRIC_GAUGE, "a"), NULL);
	check_fault(spec_of(SPORE_METRIC_COUNTER, "a"), ending);
	check_fault(spec_of(SPORE_METRIC_GAUGE, "a_total"), ending);
	check_fault(spec_of(0, "a"), "the type is unknown");
	check_fault(spec_of(99, "a"), "the type is unknown");
}
END_TEST

START_TEST(names_are_lower_case_words)
{
	static const char *const bad[] = { NULL, "", "A", "1a", "_a", "a-b", "a b", "a\xc3\xa9" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		check_fault(spec_of(SPORE_METRIC_GAUGE, bad[i]),
		            "a name must match [a-z][a-z0-9_]*");
		check_fault(with_labels(spec_of(SPORE_METRIC_GAUGE, "a"), &bad[i], 1),
		            "a label's name must match [a-z][a-z0-9_]*");
	}
	check_fault(spec_of(SPORE_METRIC_GAUGE, "a_1b"), NULL);
}
END_TEST

START_TEST(labels_are_few_distinct_and_not_an_exporters)
{
	static const char *const twice[] = { "a", "b", "a" };
	static const char *const le[] = { "le" }, *const quantile[] = { "quantile" };
	static const char reserved[] = "the labels le and quantile are reserved for exporters";
	spore_metric_spec gauge = spec_of(SPORE_METRIC_GAUGE, "g");
	spore_metric_spec histogram = spec_of(SPORE_METRIC_HISTOGRAM, "h");
	char names[SPEC_MAX_LABELS + 1][8];
	const char *many[SPEC_MAX_LABELS + 1];

	for (int i = 0; i <= SPEC_MAX_LABELS; i++) {
		snprintf(names[i], sizeof names[i], "l%d", i);
		many[i] = names[i];
	}
	check_fault(with_labels(gauge, twice, 2), NULL);
	check_fault(with_labels(gauge, twice, 3), "two labels have the same name");
	check_fault(with_labels(gauge, le, 1), NULL);
	check_fault(with_labels(histogram, le, 1), reserved);
	check_fault(with_labels(spec_of(SPORE_METRIC_SUMMARY, "s"), quantile, 1), reserved);
	check_fault(with_labels(gauge, many, SPEC_MAX_LABELS), NULL);
	check_fault(with_labels(gauge, many, SPEC_MAX_LABELS + 1),
	            "a family has at most 32 labels");
}
END_TEST

START_TEST(bounds_ascend_and_belong_to_histograms)
{
	static const double down[] = { 2, 1 }, same[] = { 1, 1 }, infinite[] = { 1, INFINITY };
	static const double *const bad[] = { down, same, infinite };
	static const char alone[] = "a histogram must have bounds, and other types must not";
	spore_metric_spec gauge = spec_of(SPORE_METRIC_GAUGE, "g");
	spore_metric_spec histogram = spec_of(SPORE_METRIC_HISTOGRAM, "h");

	check_fault(histogram, NULL);
	for (size_t i = 0; i < 3; i++) {
		histogram.bounds = bad[i];
		check_fault(histogram, "bounds must be finite and in ascending order");
	}
	histogram.n_bounds = 0;
	check_fault(histogram, alone);
	gauge.bounds = bounds;
	gauge.n_bounds = 2;
	check_fault(gauge, alone);
	histogram.n_bounds = SPEC_MAX_BOUNDS + 1;
	check_fault(histogram, "a histogram has at most 64 bounds");
}
END_TEST

static bool clash(uint32_t a_type, const char *a, uint32_t b_type, const char *b)
{
	spore_metric_spec one = spec_of(a_type, a), other = spec_of(b_type, b);

	ck_assert(spec_clash(&one, &other) == spec_clash(&other, &one));
	return spec_clash(&one, &other);
}

START_TEST(names_that_exporters_derive_clash)
{
	const uint32_t C = SPORE_METRIC_COUNTER, G = SPORE_METRIC_GAUGE;
	const uint32_t H = SPORE_METRIC_HISTOGRAM, S = SPORE_METRIC_SUMMARY;

	ck_assert(clash(G, "a", G, "a"));
	ck_assert(clash(C, "a_total", G, "a"));
	ck_assert(clash(H, "a", G, "a_sum"));
	ck_assert(clash(S, "a", G, "a_count"));
	ck_assert(clash(H, "a", G, "a_bucket"));
	ck_assert(!clash(G, "a", G, "a_sum"));
	ck_assert(!clash(H, "a", G, "a_sums"));
	ck_assert(!clash(H, "a", C, "a_sum_total"));
	ck_assert(!clash(G, "a", G, "ab"));
}
END_TEST

START_TEST(a_shape_is_type_labels_and_bounds)
{
	static const char *const ab[] = { "a", "b" }, *const ba[] = { "b", "a" };
	static const double other_bounds[] = { 1, 6 };
	spore_metric_spec one = spec_of(SPORE_METRIC_HISTOGRAM, "x"), other;

	one = with_labels(one, ab, 2);
	other = one;
	other.name = "y";
	ck_assert(spec_same_shape(&one, &other));
	other.labels = ba;
	ck_assert(!spec_same_shape(&one, &other));
	other = one;
	other.n_labels = 1;
	ck_assert(!spec_same_shape(&one, &other));
	other = one;
	other.bounds = other_bounds;
	ck_assert(!spec_same_shape(&one, &other));
	other = one;
	other.type = SPORE_METRIC_SUMMARY;
	ck_assert(!spec_same_shape(&one, &other));
}
END_TEST

START_TEST(a_copy_shares_nothing)
{
	char name[] = "name", label[] = "label", unit[] = "seconds";
	const char *labels[] = { label };
	double limits[] = { 1, 2 };
	spore_metric_spec copy, spec = { .struct_size = sizeof spec,
		                         .type = SPORE_METRIC_HISTOGRAM,
		                         .name = name,
		                         .unit = unit,
		                         .labels = labels,
		                         .n_labels = 1,
		                         .bounds = limits,
		                         .n_bounds = 2 };

	ck_assert(spec_copy(&copy, &spec));
	name[0] = label[0] = unit[0] = 'x';
	labels[0] = NULL;
	limits[1] = 3;
	ck_assert_str_eq(copy.name, "name");
	ck_assert_str_eq(copy.help, "");
	ck_assert_str_eq(copy.unit, "seconds");
	ck_assert_str_eq(copy.labels[0], "label");
	ck_assert_double_eq(copy.bounds[1], 2);
	ck_assert_uint_eq(copy.max_series, SPEC_DEFAULT_MAX_SERIES);
	spec_fini(&copy);
	spec.max_series = 7;
	spec.n_labels = 0;
	ck_assert(spec_copy(&copy, &spec));
	ck_assert_uint_eq(copy.max_series, 7);
	spec_fini(&copy);
}
END_TEST

SUITE("spec", a_name_tells_a_counter, names_are_lower_case_words,
      labels_are_few_distinct_and_not_an_exporters, bounds_ascend_and_belong_to_histograms,
      names_that_exporters_derive_clash, a_shape_is_type_labels_and_bounds, a_copy_shares_nothing)
