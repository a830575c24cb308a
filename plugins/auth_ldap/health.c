#include "health.h"

/* ---- metrics ---- */

static uint32_t add_family(const struct health *health, uint32_t type, const char *name,
                           const char *help, bool has_results)
{
	static const char *const labels[] = { "plugin", "result" };
	static const double bounds[] = { 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3 };
	bool is_histogram = type == SPORE_METRIC_HISTOGRAM;
	const spore_metric_spec spec = {
		.struct_size = sizeof spec,
		.type = type,
		.name = name,
		.help = help,
		.unit = is_histogram ? "seconds" : NULL,
		.labels = labels,
		.n_labels = has_results ? 2 : 1,
		.bounds = is_histogram ? bounds : NULL,
		.n_bounds = is_histogram ? sizeof bounds / sizeof *bounds : 0,
		.max_series = 1000,
	};

	return health->host->metric_family(health->log, &spec);
}

static void add_counters(struct health *health, const char *instance, const char *name,
                         const char *help, const char *const *results, size_t n, uint32_t *series)
{
	spore_str values[2] = { spore_cstr(instance), { NULL, 0 } };
	uint32_t family = add_family(health, SPORE_METRIC_COUNTER, name, help, true);

	for (size_t i = 0; i < n; i++) {
		values[1] = spore_cstr(results[i]);
		series[i] = health->host->metric_series(family, values, 2);
	}
}

static void add_metrics(struct health *health, const char *instance)
{
	static const char *const results[ASK_RESULTS] = {
		[ASK_ANSWERED] = "answered",   [ASK_UNREACHABLE] = "unreachable",
		[ASK_TIMEOUT] = "timeout",     [ASK_UNTRUSTED] = "untrusted",
		[ASK_BROKEN] = "broken",       [ASK_REFUSED] = "refused",
		[ASK_ERROR] = "error",         [ASK_BAD_ENTRY] = "bad_entry",
		[ASK_SUSPENDED] = "suspended", [ASK_BUSY] = "busy",
		[ASK_NO_MEMORY] = "no_memory",
	};
	static const char *const looks[LOOK_RESULTS] = { "same", "changed", "ended", "failed" };
	spore_str value = spore_cstr(instance);
	uint32_t family;

	add_counters(health, instance, "requests_total",
	             "Questions to the directory about clients, by how they ended.", results,
	             ASK_RESULTS, health->results);
	add_counters(health, instance, "looks_total",
	             "Looks at clients that have tunnels, by what they showed.", looks,
	             LOOK_RESULTS, health->looks);
	family = add_family(health, SPORE_METRIC_HISTOGRAM, "request_seconds",
	                    "Seconds from a question to the directory until its end.", false);
	health->seconds = health->host->metric_series(family, &value, 1);
	family = add_family(
		health, SPORE_METRIC_GAUGE, "breaker_state",
		"Whether the directory is asked: 0 yes, 1 one question as a trial, 2 no.", false);
	health->state = health->host->metric_series(family, &value, 1);
}

/* Another thread may change the state at the same time: the last one to write has read the
 * newest. */
static void show_state(struct health *health)
{
	static const char *const texts[] = {
		[BREAKER_CLOSED] = "the directory is asked",
		[BREAKER_PROBING] = "the directory has failed; one question is sent as a trial",
		[BREAKER_OPEN] = "the directory has failed; it is not asked until the next trial",
	};
	enum breaker_state state;

	do {
		state = breaker_read(&health->breaker);
		health->host->metric_set(NULL, health->state, state);
		health->host->state_show(health->log, spore_cstr(texts[state]));
	} while (state != breaker_read(&health->breaker));
}

/* ---- the breaker ---- */

void health_init(struct health *health, const spore_create_args *args, unsigned max_failures,
                 int64_t pause_ms)
{
	health->host = args->host;
	health->log = args->ctx;
	breaker_init(&health->breaker, max_failures, pause_ms);
	add_metrics(health, args->instance);
	show_state(health);
}

void health_fini(struct health *health)
{
	breaker_fini(&health->breaker);
}

enum breaker_pass health_enter(struct health *health)
{
	enum breaker_pass pass = breaker_enter(&health->breaker, health->host->now_ms());

	if (pass == BREAKER_PROBE)
		show_state(health);
	return pass;
}

void health_settle(struct health *health, enum breaker_pass pass, const struct fault *fault)
{
	enum breaker_outcome outcome = fault_is_of_place(fault)         ? BREAKER_FAILS
	                               : fault->result == ASK_NO_MEMORY ? BREAKER_UNKNOWN
	                                                                : BREAKER_WORKS;
	bool has_changed = breaker_settle(&health->breaker, pass, outcome, health->host->now_ms());

	if (has_changed || pass == BREAKER_PROBE)
		show_state(health);
	if (has_changed && outcome == BREAKER_WORKS)
		spore_logf(health->host, health->log, SPORE_LOG_INFO, "the directory works again");
	else if (has_changed)
		spore_logf(health->host, health->log, SPORE_LOG_ERROR,
		           "the directory fails: until it works again, only one question at a time "
		           "is sent, after a pause");
}

/* ---- one question ---- */

void health_complain(struct health *health, const struct fault *fault)
{
	if (pace_allows_line(&health->faults, health->host, health->log, SPORE_LOG_WARN,
	                     "questions without a verdict"))
		spore_logf(health->host, health->log, SPORE_LOG_WARN,
		           "the directory gave no verdict: %s", fault->text);
}

void health_count(struct health *health, const struct fault *fault, int64_t took_ms)
{
	health->host->metric_add(NULL, health->results[fault->result], 1);
	if (took_ms >= 0)
		health->host->metric_observe(NULL, health->seconds, (double)took_ms / 1000);
	if (fault->result != ASK_ANSWERED)
		health_complain(health, fault);
}
