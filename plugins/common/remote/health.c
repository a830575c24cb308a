#include "health.h"

#include <stdarg.h>
#include <stdio.h>

#include "../series.h"

/* Another thread may change the state meanwhile. So each thread repeats this until what it has
 * shown still holds. */
static void show_state(struct health *health)
{
	static const char *const breaker[] = {
		[BREAKER_CLOSED] = "is asked",
		[BREAKER_PROBING] = "has failed; one question is sent as a trial",
		[BREAKER_OPEN] = "has failed; it is not asked until the next trial",
	};
	static const char *const hearing[] = {
		[HEARING_UNTOLD] = "",
		[HEARING_NOTHING] = "; changes are not noticed now",
		[HEARING_POLLS] = "; changes are noticed every poll_interval",
		[HEARING_AT_ONCE] = "; changes are noticed at once",
	};
	enum breaker_state state;
	char text[SPORE_STATE_MAX];
	int hears;

	do {
		state = breaker_read(&health->breaker);
		hears = atomic_load(&health->hearing);
		snprintf(text, sizeof text, "%s %s%s", health->store, breaker[state],
		         hearing[hears]);
		health->host->metric_set(NULL, health->state, state);
		health->host->state_show(health->log, spore_cstr(text));
	} while (state != breaker_read(&health->breaker) || hears != atomic_load(&health->hearing));
}

void health_init(struct health *health, const spore_create_args *args,
                 const struct health_options *options)
{
	*health = (struct health){
		.host = args->host,
		.log = args->ctx,
		.store = options->store,
		.faults = options->faults,
		.url = options->url,
		.state = series_gauge(args, options->metric ? options->metric : "breaker_state",
		                      options->help),
		.hearing = (int)options->hearing,
	};
	health->caller_logs_recovery = options->caller_logs_recovery;
	breaker_init(&health->breaker, (unsigned)options->max_failures, options->pause_ms);
	outage_init(&health->outage, PACE_BURST);
	show_state(health);
}

void health_fini(struct health *health)
{
	if (!health->host)
		return;
	breaker_fini(&health->breaker);
	outage_fini(&health->outage);
}

void health_say(struct health *health, int32_t level, const char *format, ...)
{
	char text[1024];
	spore_kv url = { { "url", 3 }, spore_cstr(health->url) };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	health->host->log(health->log, level, spore_cstr(text), &url, health->url ? 1 : 0);
}

/* ---- questions ---- */

enum breaker_pass health_enter(struct health *health)
{
	enum breaker_pass pass = breaker_enter(&health->breaker, health->host->now_ms());

	if (pass == BREAKER_PROBE)
		show_state(health);
	return pass;
}

void health_settle(struct health *health, enum breaker_pass pass, enum breaker_outcome outcome)
{
	int64_t now_ms = health->host->now_ms(), lasted_ms;
	bool has_changed = breaker_settle(&health->breaker, pass, outcome, now_ms);

	if (outcome == BREAKER_WORKS)
		outage_end(&health->outage, now_ms, &lasted_ms);
	if (has_changed || pass == BREAKER_PROBE)
		show_state(health);
	if (has_changed && outcome == BREAKER_WORKS && !health->caller_logs_recovery)
		health_say(health, SPORE_LOG_INFO, "%s works again", health->store);
	else if (has_changed && outcome != BREAKER_WORKS)
		health_say(health, SPORE_LOG_ERROR,
		           "%s fails: until it works again, only one question at a time is sent, "
		           "after a pause",
		           health->store);
}

void health_hear(struct health *health, enum hearing hearing)
{
	if (atomic_exchange(&health->hearing, (int)hearing) != (int)hearing)
		show_state(health);
}

/* ---- faults ---- */

void health_log(struct health *health, int32_t level, const char *what, const char *why)
{
	if (!outage_note(&health->outage, health->host->now_ms()))
		pace_hold(&health->pace);
	else if (pace_allows_line(&health->pace, health->host, health->log, level, health->faults))
		health_say(health, level, "%s: %s", what, why);
}

void health_log_now(struct health *health, int32_t level, const char *what, const char *why)
{
	health_say(health, level, "%s: %s", what, why);
}

void health_complain(struct health *health, const char *why)
{
	char what[80];

	snprintf(what, sizeof what, "%s gave no verdict", health->store);
	health_log(health, SPORE_LOG_WARN, what, why);
}
