#include "series.h"

#include "recorder.h"
#include "suite.h"

START_TEST(a_gauge_has_the_label_plugin)
{
	spore_create_args args = recorder_args();
	uint32_t series = series_gauge(&args, "breaker_state", "Whether it is asked.");

	ck_assert_uint_eq(series, 1);
	ck_assert_str_eq(recorder.series[1].name, "breaker_state");
	ck_assert_str_eq(recorder.help, "Whether it is asked.");
	ck_assert_uint_eq(recorder.family.type, SPORE_METRIC_GAUGE);
	ck_assert_str_eq(recorder.family.labels[0], "plugin");
	ck_assert_ptr_null(recorder.family.unit);
}
END_TEST

START_TEST(the_bounds_of_seconds_begin_at_the_least)
{
	spore_create_args args = recorder_args();

	series_seconds(&args, "request_seconds", "Seconds.", 0.0003);
	ck_assert_uint_eq(recorder.family.type, SPORE_METRIC_HISTOGRAM);
	ck_assert_uint_eq(recorder.family.n_bounds, 9);
	ck_assert_double_eq(recorder.family.bounds[0], 0.0003);
	ck_assert_double_eq(recorder.family.bounds[8], 3);
	ck_assert_str_eq(recorder.family.unit, "seconds");
	series_seconds(&args, "request_seconds", "Seconds.", 0.001);
	ck_assert_uint_eq(recorder.family.n_bounds, 8);
	ck_assert_double_eq(recorder.family.bounds[0], 0.001);
	ck_assert_double_eq(recorder.family.bounds[7], 3);
}
END_TEST

START_TEST(each_value_has_a_counter)
{
	static const char *const values[] = { "good", "bad" };
	const struct series_label label = { "result", values, 2 };
	spore_create_args args = recorder_args();
	uint32_t out[2];

	series_counters(&args, "asked_total", "Questions.", &label, out);
	ck_assert_uint_eq(recorder.family.type, SPORE_METRIC_COUNTER);
	ck_assert_str_eq(recorder.series[out[0]].name, "asked_total good");
	ck_assert_str_eq(recorder.series[out[1]].name, "asked_total bad");
	ck_assert_uint_eq(recorder.n_series, 2);
}
END_TEST

SUITE("series", a_gauge_has_the_label_plugin, the_bounds_of_seconds_begin_at_the_least,
      each_value_has_a_counter)
