#include "render.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* What the visits of a test show: set before render() is called. */
static void (*show)(const spore_metric_visitor *visitor, void *arg);

static void visit(const spore_metric_visitor *visitor, void *arg)
{
	show(visitor, arg);
}

static const spore_ext_metrics metrics = { sizeof metrics, 0, visit };

static void check(enum format format, void (*fn)(const spore_metric_visitor *, void *),
                  const char *expected)
{
	struct text text = { 0 };

	show = fn;
	render(&metrics, format, &text);
	ck_assert(!text.failed);
	ck_assert_uint_eq(text.len, strlen(expected));
	ck_assert_msg(text.len == 0 || memcmp(text.bytes, expected, text.len) == 0,
	              "got:\n%.*s\nexpected:\n%s", (int)text.len, text.bytes, expected);
	free(text.bytes);
}

static spore_kv label(const char *key, const char *value)
{
	return (spore_kv){ spore_cstr(key), spore_cstr(value) };
}

static spore_metric_spec spec_of(uint32_t type, const char *name, const char *help)
{
	return (spore_metric_spec){
		.struct_size = sizeof(spore_metric_spec), .type = type, .name = name, .help = help
	};
}

/* ---- families ---- */

static void a_counter(const spore_metric_visitor *visitor, void *arg)
{
	spore_metric_spec spec = spec_of(SPORE_METRIC_COUNTER, "sent_bytes_total",
	                                 "What was sent.");
	spore_kv labels[] = { label("who", "alice"), label("way", "up") };

	spec.unit = "bytes";
	visitor->begin(arg, &spec);
	visitor->value(arg, labels, 2, 12345678901);
	visitor->value(arg, labels, 0, 0.25);
	visitor->end(arg);
}

START_TEST(a_counter_has_its_total)
{
	check(FORMAT_PROMETHEUS, a_counter,
	      "# HELP sent_bytes_total What was sent.\n"
	      "# TYPE sent_bytes_total counter\n"
	      "sent_bytes_total{who=\"alice\",way=\"up\"} 12345678901\n"
	      "sent_bytes_total 0.25\n");
	check(FORMAT_OPENMETRICS, a_counter,
	      "# HELP sent_bytes What was sent.\n"
	      "# TYPE sent_bytes counter\n"
	      "# UNIT sent_bytes bytes\n"
	      "sent_bytes_total{who=\"alice\",way=\"up\"} 12345678901\n"
	      "sent_bytes_total 0.25\n"
	      "# EOF\n");
}
END_TEST

static void a_histogram(const spore_metric_visitor *visitor, void *arg)
{
	static const double bounds[] = { 1e-6, 0.5, 1, 1e20 };
	static const uint64_t cumulative[] = { 1, 2, 2, 3 };
	spore_metric_spec spec = spec_of(SPORE_METRIC_HISTOGRAM, "wait_seconds", "Waiting.");
	spore_kv who = label("who", "me");

	spec.unit = "seconds";
	visitor->begin(arg, &spec);
	visitor->histogram(arg, &who, 1, bounds, cumulative, 4, 4, 3.5);
	visitor->end(arg);
}

START_TEST(a_histogram_has_an_infinite_bucket)
{
	const char *samples = "wait_seconds_bucket{who=\"me\",le=\"1e-06\"} 1\n"
			      "wait_seconds_bucket{who=\"me\",le=\"0.5\"} 2\n"
			      "wait_seconds_bucket{who=\"me\",le=\"1.0\"} 2\n"
			      "wait_seconds_bucket{who=\"me\",le=\"1e+20\"} 3\n"
			      "wait_seconds_bucket{who=\"me\",le=\"+Inf\"} 4\n"
			      "wait_seconds_count{who=\"me\"} 4\n"
			      "wait_seconds_sum{who=\"me\"} 3.5\n";
	char expected[1000];

	snprintf(expected, sizeof expected,
	         "# HELP wait_seconds Waiting.\n# TYPE wait_seconds histogram\n%s", samples);
	check(FORMAT_PROMETHEUS, a_histogram, expected);
	snprintf(expected, sizeof expected,
	         "# HELP wait_seconds Waiting.\n# TYPE wait_seconds histogram\n# UNIT wait_seconds "
	         "seconds\n%s# EOF\n",
	         samples);
	check(FORMAT_OPENMETRICS, a_histogram, expected);
}
END_TEST

static void a_summary(const spore_metric_visitor *visitor, void *arg)
{
	spore_metric_spec spec = spec_of(SPORE_METRIC_SUMMARY, "latency_ms", "Latency.");

	spec.unit = "seconds"; /* which its name does not end in */
	visitor->begin(arg, &spec);
	visitor->histogram(arg, NULL, 0, NULL, NULL, 0, 7, 1.5);
	visitor->end(arg);
}

START_TEST(a_summary_has_no_buckets)
{
	check(FORMAT_PROMETHEUS, a_summary,
	      "# HELP latency_ms Latency.\n# TYPE latency_ms summary\nlatency_ms_count "
	      "7\nlatency_ms_sum 1.5\n");
	check(FORMAT_OPENMETRICS, a_summary,
	      "# HELP latency_ms Latency.\n# TYPE latency_ms summary\nlatency_ms_count "
	      "7\nlatency_ms_sum 1.5\n"
	      "# EOF\n");
}
END_TEST

static void nothing(const spore_metric_visitor *visitor, void *arg)
{
	spore_metric_spec empty = spec_of(SPORE_METRIC_GAUGE, "empty", "No series.");
	spore_metric_spec unknown = spec_of(99, "unknown", "Of a later minor.");

	visitor->begin(arg, &empty);
	visitor->end(arg);
	visitor->begin(arg, &unknown);
	visitor->value(arg, NULL, 0, 1);
	visitor->histogram(arg, NULL, 0, NULL, NULL, 0, 1, 1);
	visitor->end(arg);
}

START_TEST(what_has_nothing_to_show_is_left_out)
{
	check(FORMAT_PROMETHEUS, nothing, "");
	check(FORMAT_OPENMETRICS, nothing, "# EOF\n");
}
END_TEST

static void a_unit_alone(const spore_metric_visitor *visitor, void *arg)
{
	spore_metric_spec whole = spec_of(SPORE_METRIC_GAUGE, "bytes", "h"),
			  part = spec_of(SPORE_METRIC_GAUGE, "kbytes", "h");

	whole.unit = part.unit = "bytes";
	visitor->begin(arg, &whole);
	visitor->value(arg, NULL, 0, 1);
	visitor->end(arg);
	visitor->begin(arg, &part);
	visitor->value(arg, NULL, 0, 1);
	visitor->end(arg);
}

START_TEST(a_unit_is_a_part_of_the_name)
{
	check(FORMAT_OPENMETRICS, a_unit_alone,
	      "# HELP bytes h\n# TYPE bytes gauge\nbytes 1\n# HELP kbytes h\n# TYPE kbytes "
	      "gauge\nkbytes 1\n# EOF\n");
}
END_TEST

/* ---- values and texts ---- */

static void odd_numbers(const spore_metric_visitor *visitor, void *arg)
{
	static const double numbers[] = { 0,    -0.0,   -3,   0.1, 1.0 / 3, 1e15, 9007199254740991,
		                          1e17, 5e-324, 1e300 };
	spore_metric_spec spec = spec_of(SPORE_METRIC_GAUGE, "g", "h");

	visitor->begin(arg, &spec);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		visitor->value(arg, NULL, 0, numbers[i]);
	visitor->value(arg, NULL, 0, (double)INFINITY);
	visitor->value(arg, NULL, 0, -(double)INFINITY);
	visitor->value(arg, NULL, 0, (double)NAN);
	visitor->end(arg);
}

START_TEST(numbers_are_read_back_as_they_were)
{
	check(FORMAT_PROMETHEUS, odd_numbers,
	      "# HELP g h\n# TYPE g gauge\n"
	      "g 0\ng 0\ng -3\ng 0.1\ng 0.3333333333333333\ng 1000000000000000\ng "
	      "9007199254740991\ng "
	      "1e+17\n"
	      "g 4.94065645841247e-324\ng 1e+300\ng +Inf\ng -Inf\ng NaN\n");
}
END_TEST

static void hostile_text(const spore_metric_visitor *visitor, void *arg)
{
	spore_metric_spec spec = spec_of(SPORE_METRIC_GAUGE, "g", "a \"b\" \\ c\nd");
	spore_kv labels[] = { label("l", "\"} 1\n\\"), label("m", "") };

	visitor->begin(arg, &spec);
	visitor->value(arg, labels, 2, 1);
	visitor->end(arg);
}

START_TEST(no_text_breaks_out)
{
	check(FORMAT_PROMETHEUS, hostile_text,
	      "# HELP g a \"b\" \\\\ c\\nd\n# TYPE g gauge\ng{l=\"\\\"} 1\\n\\\\\",m=\"\"} 1\n");
	check(FORMAT_OPENMETRICS, hostile_text,
	      "# HELP g a \\\"b\\\" \\\\ c\\nd\n# TYPE g gauge\ng{l=\"\\\"} 1\\n\\\\\",m=\"\"} "
	      "1\n# "
	      "EOF\n");
}
END_TEST

#define BAD "\xEF\xBF\xBD"

static const struct {
	const char *bytes;
	size_t len;
	const char *shown;
} utf8[] = {
	{ "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80", 15,
	  "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80" },
	{ "a\0b\x01", 4, "a" BAD "b" BAD },
	{ "\x80x", 2, BAD "x" },
	{ "\xC3", 1, BAD },                         /* cut off */
	{ "\xE2\x82", 2, BAD BAD },                 /* cut off */
	{ "\xC0\x80", 2, BAD BAD },                 /* overlong */
	{ "\xE0\x80\x80", 3, BAD BAD BAD },         /* overlong */
	{ "\xED\xA0\x80", 3, BAD BAD BAD },         /* a surrogate */
	{ "\xF4\x90\x80\x80", 4, BAD BAD BAD BAD }, /* past the end of Unicode */
	{ "\xF8\x88\x80\x80\x80", 5, BAD BAD BAD BAD BAD },
	{ "\xFF", 1, BAD },
};

static void all_bytes(const spore_metric_visitor *visitor, void *arg)
{
	spore_metric_spec spec = spec_of(SPORE_METRIC_GAUGE, "g", "h");

	visitor->begin(arg, &spec);
	for (size_t i = 0; i < sizeof utf8 / sizeof *utf8; i++) {
		spore_kv kv = { spore_cstr("l"), { utf8[i].bytes, utf8[i].len } };

		visitor->value(arg, &kv, 1, 1);
	}
	visitor->end(arg);
}

START_TEST(labels_are_utf8_whatever_they_hold)
{
	char expected[2000] = "# HELP g h\n# TYPE g gauge\n";

	for (size_t i = 0; i < sizeof utf8 / sizeof *utf8; i++)
		sprintf(expected + strlen(expected), "g{l=\"%s\"} 1\n", utf8[i].shown);
	check(FORMAT_PROMETHEUS, all_bytes, expected);
}
END_TEST

/* ---- size ---- */

enum { MANY = 20000 };

static void many_series(const spore_metric_visitor *visitor, void *arg)
{
	spore_metric_spec spec = spec_of(SPORE_METRIC_GAUGE, "g", "h");

	visitor->begin(arg, &spec);
	for (int i = 0; i < MANY; i++)
		visitor->value(arg, NULL, 0, 1);
	visitor->end(arg);
}

START_TEST(a_page_may_be_long)
{
	static const char head[] = "# HELP g h\n# TYPE g gauge\n";
	struct text text = { 0 };

	show = many_series;
	render(&metrics, FORMAT_PROMETHEUS, &text);
	ck_assert(!text.failed);
	ck_assert_uint_eq(text.len, strlen(head) + MANY * strlen("g 1\n"));
	for (size_t at = strlen(head); at < text.len; at += 4)
		ck_assert(memcmp(text.bytes + at, "g 1\n", 4) == 0);
	free(text.bytes);
}
END_TEST

SUITE("render", a_counter_has_its_total, a_histogram_has_an_infinite_bucket,
      a_summary_has_no_buckets, what_has_nothing_to_show_is_left_out, a_unit_is_a_part_of_the_name,
      numbers_are_read_back_as_they_were, no_text_breaks_out, labels_are_utf8_whatever_they_hold,
      a_page_may_be_long)
