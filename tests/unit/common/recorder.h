/* recorder - a host for tests of plugins/common: its clock and its one timer move when the test
 * says so, and it keeps the metrics, the state and the log lines that it gets. */
#ifndef UNIT_RECORDER_H
#define UNIT_RECORDER_H

#include <check.h>
#include <spore/plugin.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { RECORDER_SERIES = 32, RECORDER_NAME = 64, RECORDER_INSTANCE = 4 };

static struct recorder {
	int64_t now_ms;
	int64_t due_ms; /* of the timer; -1: it has fired, or there is none */
	void (*on_timer)(void *arg);
	void *timer_arg;
	spore_metric_spec family; /* the one that was added last */
	char family_name[RECORDER_NAME], help[200];
	struct {
		char name[RECORDER_NAME]; /* such as "requests_total replied" */
		double value;             /* the last one, or the sum */
		unsigned n;               /* updates */
	} series[RECORDER_SERIES];
	size_t n_series;
	char state[SPORE_STATE_MAX + 1];
	unsigned n_states;
	char log[16384]; /* "LEVEL TEXT KEY=VALUE\n" each */
} recorder = { .due_ms = -1 };

/* ---- the host's functions ---- */

static inline int64_t recorder_now_ms(void)
{
	return recorder.now_ms;
}

static inline uint32_t recorder_log_enabled(const spore_ctx *ctx, int32_t level)
{
	(void)ctx;
	(void)level;
	return 1;
}

static inline void recorder_log(const spore_ctx *ctx, int32_t level, spore_str text,
                                const spore_kv *fields, size_t n_fields)
{
	size_t len = strlen(recorder.log);

	(void)ctx;
	snprintf(recorder.log + len, sizeof recorder.log - len, "%s %.*s",
	         level == SPORE_LOG_ERROR  ? "error"
	         : level == SPORE_LOG_WARN ? "warn"
	                                   : "info",
	         (int)text.len, text.ptr);
	for (size_t i = 0; i < n_fields; i++) {
		len = strlen(recorder.log);
		snprintf(recorder.log + len, sizeof recorder.log - len, " %.*s=%.*s",
		         (int)fields[i].key.len, fields[i].key.ptr, (int)fields[i].value.len,
		         fields[i].value.ptr);
	}
	len = strlen(recorder.log);
	snprintf(recorder.log + len, sizeof recorder.log - len, "\n");
}

static inline spore_status recorder_timer_start(spore_worker *worker, int64_t after_ms,
                                                int64_t repeat_ms, void (*on_timer)(void *arg),
                                                void *arg, spore_timer *out)
{
	(void)worker;
	ck_assert_int_eq(repeat_ms, 0);
	recorder.due_ms = recorder.now_ms + after_ms;
	recorder.on_timer = on_timer;
	recorder.timer_arg = arg;
	*out = (spore_timer){ 0 };
	return SPORE_OK;
}

static inline spore_status recorder_timer_update(spore_timer timer, int64_t after_ms,
                                                 int64_t repeat_ms)
{
	(void)timer;
	ck_assert(after_ms >= 0 && repeat_ms == 0);
	recorder.due_ms = recorder.now_ms + after_ms;
	return SPORE_OK;
}

static inline spore_status recorder_timer_stop(spore_timer timer)
{
	(void)timer;
	recorder.due_ms = -1;
	return SPORE_OK;
}

static inline uint32_t recorder_family(spore_ctx *ctx, const spore_metric_spec *spec)
{
	(void)ctx;
	recorder.family = *spec;
	snprintf(recorder.family_name, sizeof recorder.family_name, "%s", spec->name);
	snprintf(recorder.help, sizeof recorder.help, "%s", spec->help);
	return 1;
}

static inline uint32_t recorder_series(uint32_t family, const spore_str *values, size_t n)
{
	size_t at = ++recorder.n_series;

	ck_assert(family == 1 && at < RECORDER_SERIES && n == recorder.family.n_labels);
	ck_assert_uint_eq(values[0].len, RECORDER_INSTANCE);
	snprintf(recorder.series[at].name, RECORDER_NAME, "%.30s%s%.*s", recorder.family_name,
	         n > 1 ? " " : "", n > 1 ? (int)values[1].len : 0, n > 1 ? values[1].ptr : "");
	return (uint32_t)at;
}

static inline void recorder_add(spore_worker *worker, uint32_t series, double value)
{
	(void)worker;
	recorder.series[series].value += value;
	recorder.series[series].n++;
}

static inline void recorder_set(spore_worker *worker, uint32_t series, double value)
{
	(void)worker;
	recorder.series[series].value = value;
	recorder.series[series].n++;
}

static inline spore_status recorder_state(spore_ctx *ctx, spore_str text)
{
	(void)ctx;
	snprintf(recorder.state, sizeof recorder.state, "%.*s", (int)text.len, text.ptr);
	recorder.n_states++;
	return SPORE_OK;
}

static inline spore_create_args recorder_args(void)
{
	static const spore_host host = {
		.struct_size = sizeof host,
		.log_enabled = recorder_log_enabled,
		.log = recorder_log,
		.now_ms = recorder_now_ms,
		.timer_start = recorder_timer_start,
		.timer_update = recorder_timer_update,
		.timer_stop = recorder_timer_stop,
		.metric_family = recorder_family,
		.metric_series = recorder_series,
		.metric_add = recorder_add,
		.metric_set = recorder_set,
		.metric_observe = recorder_add,
		.state_show = recorder_state,
	};

	return (spore_create_args){ .struct_size = sizeof(spore_create_args),
		                    .host = &host,
		                    .instance = "name" };
}

/* ---- for the tests ---- */

/* Moves the clock and lets the timer fire when it is due. Returns how often it has fired. */
static inline unsigned recorder_move_to(int64_t now_ms)
{
	unsigned n = 0;

	recorder.now_ms = now_ms;
	while (recorder.due_ms >= 0 && recorder.due_ms <= now_ms) {
		recorder.due_ms = -1;
		recorder.on_timer(recorder.timer_arg);
		n++;
	}
	return n;
}

/* The value of a series, such as "requests_total replied". */
static inline double recorder_value(const char *name)
{
	for (size_t i = 1; i <= recorder.n_series; i++) {
		if (strcmp(recorder.series[i].name, name) == 0)
			return recorder.series[i].value;
	}
	ck_abort_msg("no series %s", name);
	return -1;
}

/* These lines have been logged since the last call. */
static inline void recorder_expect_log(const char *lines)
{
	ck_assert_str_eq(recorder.log, lines);
	recorder.log[0] = '\0';
}

#endif
