#include "admin/admin_dates.h"

#include <string.h>

#include "metrics/metrics.h"
#include "suite.h"

enum { NOW = 1800000000 };

static struct metrics *metrics;

static void set(const char *name, uint32_t type, const char *label, double value)
{
	const char *const labels[] = { "file" };
	spore_metric_spec spec = { .struct_size = sizeof spec,
		                   .type = type,
		                   .name = name,
		                   .help = "A moment.",
		                   .labels = label ? labels : NULL,
		                   .n_labels = label ? 1 : 0 };
	const char *why = "";
	uint32_t family = metrics_family(metrics, &spec, &why);
	spore_str text = spore_cstr(label ? label : "");
	uint32_t series = metrics_series(metrics, family, &text, label ? 1 : 0);

	ck_assert_msg(series != 0, "%s", why);
	if (type == SPORE_METRIC_GAUGE)
		metrics_set(metrics, 0, series, value);
	else
		metrics_add(metrics, 0, series, value);
}

static void check(const char *expected)
{
	char *text = NULL;
	size_t size = 0;
	struct jsonout json = { .out = open_memstream(&text, &size) };

	jsonout_begin(&json, NULL, '{');
	admin_dates_write(metrics, NOW, &json);
	jsonout_end(&json, '}');
	fclose(json.out);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(a_moment_is_a_date)
{
	metrics = metrics_new(1);
	set("x_expiry_timestamp_seconds", SPORE_METRIC_GAUGE, "a\n.pem", NOW + 3 * 86400 + 5);
	check("{\n  \"dates\": [\n    {\n"
	      "      \"metric\": \"x_expiry_timestamp_seconds\",\n"
	      "      \"utc\": \"2027-01-18T08:00:05Z\",\n"
	      "      \"days_left\": 3,\n"
	      "      \"labels\": [\n"
	      "        \"file=a\\u000a.pem\"\n"
	      "      ]\n"
	      "    }\n  ]\n}\n");
	metrics_free(metrics);
}
END_TEST

START_TEST(what_is_past_has_negative_days)
{
	metrics = metrics_new(1);
	set("x_timestamp_seconds", SPORE_METRIC_GAUGE, NULL, NOW - 1);
	check("{\n  \"dates\": [\n    {\n"
	      "      \"metric\": \"x_timestamp_seconds\",\n"
	      "      \"utc\": \"2027-01-15T07:59:59Z\",\n"
	      "      \"days_left\": -1,\n"
	      "      \"labels\": []\n"
	      "    }\n  ]\n}\n");
	metrics_free(metrics);
}
END_TEST

START_TEST(what_is_none_does_not_show)
{
	metrics = metrics_new(1);
	set("a_timestamp_seconds", SPORE_METRIC_GAUGE, NULL, 0);
	set("b_timestamp_seconds", SPORE_METRIC_GAUGE, NULL, -5);
	set("c_timestamp_seconds", SPORE_METRIC_GAUGE, NULL, 0.0 / 0.0);
	set("d_timestamp_seconds", SPORE_METRIC_GAUGE, NULL, 1e300);
	set("e_seconds", SPORE_METRIC_GAUGE, NULL, NOW);
	set("f_timestamp_seconds_total", SPORE_METRIC_COUNTER, NULL, NOW);
	check("{\n  \"dates\": []\n}\n");
	metrics_free(metrics);
}
END_TEST

SUITE("admin_dates", a_moment_is_a_date, what_is_past_has_negative_days, what_is_none_does_not_show)
