#include "reload/reload_record.h"

#include <string.h>
#include <time.h>

#include "metrics/metrics.h"
#include "reload/reload_answer.h"
#include "suite.h"

static struct metrics *metrics;
static struct reload_record record;

/* The value of the family's one series. */
struct finding {
	const char *family;
	bool is_it;
	double value;
};

static void begin_family(void *arg, const spore_metric_spec *family)
{
	struct finding *finding = arg;

	finding->is_it = strcmp(family->name, finding->family) == 0;
}

static void take_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	struct finding *finding = arg;

	(void)labels;
	(void)n;
	if (finding->is_it)
		finding->value = value;
}

static double value_of(const char *family)
{
	static const spore_metric_visitor visitor = { .struct_size = sizeof visitor,
		                                      .begin = begin_family,
		                                      .value = take_value };
	struct finding finding = { family, false, -1 };

	metrics_visit(metrics, &visitor, &finding);
	return finding.value;
}

static void expect(double successful, const char *why)
{
	ck_assert_double_eq(value_of("spore_config_last_reload_successful"), successful);
	ck_assert_str_eq(record.why, why);
}

static void set_up(void)
{
	metrics = metrics_new(2);
	ck_assert_ptr_nonnull(metrics);
	reload_record_init(&record, metrics, 1);
}

START_TEST(the_start_is_a_success)
{
	double before = (double)time(NULL), at;

	set_up();
	expect(1, "");
	ck_assert_int_eq(record.at_ms, 0);
	at = value_of("spore_config_last_reload_success_timestamp_seconds");
	ck_assert(at >= before && at <= (double)time(NULL));
	metrics_free(metrics);
}
END_TEST

START_TEST(a_refusal_keeps_the_time_and_names_the_mistake)
{
	struct reload_answer bad = { .mistakes = (char[]){
					     "s.json:1:2: error: /a: b\n  excerpt\n" } };
	struct reload_answer bare = { .mistakes = (char[]){ "error: reload given up\n" } };
	struct reload_answer lost = { 0 }, good = { .swapped = true };
	double at;

	set_up();
	at = value_of("spore_config_last_reload_success_timestamp_seconds");
	reload_record_end(&record, &bad);
	expect(0, "s.json:1:2: error: /a: b");
	ck_assert_int_gt(record.at_ms, 0);
	reload_record_end(&record, &bare);
	expect(0, "reload given up");
	reload_record_end(&record, &lost);
	expect(0, "out of memory");
	ck_assert_double_eq(value_of("spore_config_last_reload_success_timestamp_seconds"), at);
	reload_record_end(&record, &good);
	expect(1, "");
	metrics_free(metrics);
}
END_TEST

SUITE("reload_record", the_start_is_a_success, a_refusal_keeps_the_time_and_names_the_mistake)
