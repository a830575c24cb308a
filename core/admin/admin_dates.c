#include "admin/admin_dates.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "metrics/families.h"

struct dates {
	struct jsonout *json;
	const char *metric; /* the visited family; NULL: it is not a date */
	int64_t now_s;
};

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* The time of the last reload is left out: the status has a line about it. */
static bool is_date(const spore_metric_spec *family)
{
	const char *reload_time = family_spec(FAMILY_RELOAD_TIME)->name;

	return family->type == SPORE_METRIC_GAUGE && ends_in(family->name, "_timestamp_seconds") &&
	       strcmp(family->name, reload_time) != 0;
}

static void begin_date(void *arg, const spore_metric_spec *family)
{
	struct dates *dates = arg;

	dates->metric = is_date(family) ? family->name : NULL;
}

static int64_t whole_days(int64_t seconds)
{
	const int64_t day = 86400;

	return seconds >= 0 ? seconds / day : -((-seconds + day - 1) / day);
}

/* Leaves out 0, which means "no date", and what is after the year 9999. */
static void write_date(void *arg, const spore_kv *labels, size_t n_labels, double value)
{
	struct dates *dates = arg;
	struct jsonout *json = dates->json;
	char text[256];
	struct tm utc;
	time_t at;

	if (!dates->metric || !(value >= 1 && value < 253402300800.0))
		return;
	at = (time_t)value;
	gmtime_r(&at, &utc);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "metric", dates->metric);
	jsonout_text(json, "utc", text);
	jsonout_int(json, "days_left", whole_days((int64_t)at - dates->now_s));
	jsonout_begin(json, "labels", '[');
	for (size_t i = 0; i < n_labels; i++) {
		snprintf(text, sizeof text, "%.*s=%.*s", (int)labels[i].key.len, labels[i].key.ptr,
		         (int)labels[i].value.len, labels[i].value.ptr);
		jsonout_text(json, NULL, text);
	}
	jsonout_end(json, ']');
	jsonout_end(json, '}');
}

void admin_dates_write(struct metrics *metrics, int64_t now_s, struct jsonout *json)
{
	static const spore_metric_visitor visitor = {
		.struct_size = sizeof visitor,
		.begin = begin_date,
		.value = write_date,
	};
	struct dates dates = { json, NULL, now_s };

	jsonout_begin(json, "dates", '[');
	metrics_visit(metrics, &visitor, &dates);
	jsonout_end(json, ']');
}
