/* health - knows whether a store or service that is asked works, and tells it by the metric
 * breaker_state, the log and `spore ctl status`. All workers and threads share it.
 *
 * Its texts begin with the store's name, as in "Redis works again". This code is compiled into each
 * plugin that uses it. */
#ifndef COMMON_HEALTH_H
#define COMMON_HEALTH_H

#include <spore/plugin.h>

#include "../pace.h"
#include "breaker.h"
#include "outage.h"

/* The rows of two options, int64_t breaker_failures and breaker_pause. `store`: its name, as
 * below. */
#define HEALTH_OPTIONS(conf, store)                                                                \
	SPORE_INT(conf, breaker_failures, 0, "5", 1, 1000,                                         \
	          "after so many failures in a row " store " is only tried now and then"),         \
		SPORE_DURATION(conf, breaker_pause, 0, "\"1s\"", 10, 3600000,                      \
	                       "pause before such a trial, and between two of them")

/* How the operator's changes in the store are noticed. UNTOLD: `spore ctl status` says nothing of
 * it. */
enum hearing { HEARING_UNTOLD, HEARING_NOTHING, HEARING_POLLS, HEARING_AT_ONCE };

/* The texts are permanent. */
struct health_options {
	const char *store;    /* its name, such as "the directory" */
	const char *faults;   /* what is logged at a limited rate, such as "failures of Redis" */
	const char *help;     /* of the metric */
	const char *metric;   /* its name; NULL: "breaker_state" */
	const char *url;      /* of the store, for the log, without secrets; NULL: not logged */
	enum hearing hearing; /* at the beginning */
	int64_t max_failures, pause_ms; /* of the breaker */
	/* The caller logs that the store works again, so health does not. */
	bool caller_logs_recovery;
};

struct health {
	const spore_host *host;
	spore_ctx *log;
	const char *store, *faults, *url;
	struct breaker breaker;
	struct pace pace;     /* of logged faults */
	struct outage outage; /* gives the growing intervals of logged faults */
	bool caller_logs_recovery;
	uint32_t state; /* series */
	_Atomic int hearing;
};

/* Also adds the metric and shows the state. [main], in create() */
void health_init(struct health *health, const spore_create_args *args,
                 const struct health_options *options);
/* Accepts a zeroed struct. [main] */
void health_fini(struct health *health);
/* Asks for the pass of a question, as breaker_enter(). [any] */
enum breaker_pass health_enter(struct health *health);
/* Gives a pass back that was not refused, as breaker_settle(). [any] */
void health_settle(struct health *health, enum breaker_pass pass, enum breaker_outcome outcome);
/* Shows how changes are noticed from now on. [any] */
void health_hear(struct health *health, enum hearing hearing);
/* Logs a line with the store's URL. [any] */
__attribute__((format(printf, 3, 4))) void health_say(struct health *health, int32_t level,
                                                      const char *format, ...);
/* Logs why a question got no verdict: at a limited rate, and at growing intervals while no question
 * succeeds. [any] */
void health_complain(struct health *health, const char *why);
/* Logs "WHAT: WHY" at the same rate and intervals as health_complain. [any] */
void health_log(struct health *health, int32_t level, const char *what, const char *why);
/* The same at any rate, for a line that is logged once. [any] */
void health_log_now(struct health *health, int32_t level, const char *what, const char *why);

#endif
