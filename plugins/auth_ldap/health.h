/* health - whether the directory works, for the breaker, the metrics, the log and the operator. All
 * threads share it. */
#ifndef AUTH_LDAP_HEALTH_H
#define AUTH_LDAP_HEALTH_H

#include <spore/plugin.h>

#include "../common/pace.h"
#include "../common/remote/breaker.h"
#include "fault.h"

/* What a look at a client with a tunnel has shown. The texts of the metric are in the same order.
 */
enum look_result { LOOK_SAME, LOOK_CHANGED, LOOK_ENDED, LOOK_FAILED, LOOK_RESULTS };

struct health {
	const spore_host *host;
	spore_ctx *log;
	struct breaker breaker;
	struct pace faults;                                                 /* logged ones */
	uint32_t results[ASK_RESULTS], looks[LOOK_RESULTS], seconds, state; /* series */
};

/* Also adds the metrics. health_fini() must follow. [main] */
void health_init(struct health *health, const spore_create_args *args, unsigned max_failures,
                 int64_t pause_ms);
void health_fini(struct health *health);
/* Asks for the pass of a question. [any] */
enum breaker_pass health_enter(struct health *health);
/* Gives a pass back that was not refused, with the end of its question. [any] */
void health_settle(struct health *health, enum breaker_pass pass, const struct fault *fault);
/* Counts a question about a client, and logs its fault at a limited rate. took_ms: -1: it was not
 * asked. [any] */
void health_count(struct health *health, const struct fault *fault, int64_t took_ms);
/* Logs a fault at a limited rate. [any] */
void health_complain(struct health *health, const struct fault *fault);

#endif
