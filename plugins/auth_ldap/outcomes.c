#include "outcomes.h"

#include "../common/series.h"

static void add_metrics(struct outcomes *outcomes, const spore_create_args *args)
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
	const struct series_label asked = { "result", results, ASK_RESULTS };
	const struct series_label looked = { "result", looks, LOOK_RESULTS };

	series_counters(args, "requests_total",
	                "Questions to the directory about clients, by how they ended.", &asked,
	                outcomes->results);
	series_counters(args, "looks_total",
	                "Looks at clients that have tunnels, by what they showed.", &looked,
	                outcomes->looks);
	outcomes->seconds = series_seconds(args, "request_seconds",
	                                   "Seconds from a question to the directory until its "
	                                   "end.",
	                                   0.001);
}

void outcomes_init(struct outcomes *outcomes, const spore_create_args *args, int64_t max_failures,
                   int64_t pause_ms)
{
	const struct health_options health = {
		.store = "the directory",
		.faults = "questions without a verdict",
		.help = "Whether the directory is asked: 0 yes, 1 one question as a trial, 2 no.",
		.max_failures = max_failures,
		.pause_ms = pause_ms,
	};

	add_metrics(outcomes, args);
	health_init(&outcomes->health, args, &health);
}

void outcomes_fini(struct outcomes *outcomes)
{
	health_fini(&outcomes->health);
}

void outcomes_settle(struct outcomes *outcomes, enum breaker_pass pass, const struct fault *fault)
{
	enum breaker_outcome outcome = fault_is_of_place(fault)         ? BREAKER_FAILS
	                               : fault->result == ASK_NO_MEMORY ? BREAKER_UNKNOWN
	                                                                : BREAKER_WORKS;

	health_settle(&outcomes->health, pass, outcome);
}

void outcomes_count(struct outcomes *outcomes, const struct fault *fault, int64_t took_ms)
{
	const spore_host *host = outcomes->health.host;

	host->metric_add(NULL, outcomes->results[fault->result], 1);
	if (took_ms >= 0)
		host->metric_observe(NULL, outcomes->seconds, (double)took_ms / 1000);
	/* What is wrong with one entry is told with the name of its client. */
	if (fault->result != ASK_ANSWERED && fault->result != ASK_BAD_ENTRY)
		health_complain(&outcomes->health, fault->text);
}
