/* outcomes - counts and logs how questions to the directory end, and tells whether the directory
 * works. All threads share it. */
#ifndef AUTH_LDAP_OUTCOMES_H
#define AUTH_LDAP_OUTCOMES_H

#include "../common/remote/health.h"
#include "fault.h"

/* What a look at a client with a tunnel has shown. The texts of the metric are in the same order.
 */
enum look_result { LOOK_SAME, LOOK_CHANGED, LOOK_ENDED, LOOK_FAILED, LOOK_RESULTS };

struct outcomes {
	struct health health;
	uint32_t results[ASK_RESULTS], looks[LOOK_RESULTS], seconds; /* series */
};

/* Also adds the metrics. outcomes_fini() must follow. [main] */
void outcomes_init(struct outcomes *outcomes, const spore_create_args *args, int64_t max_failures,
                   int64_t pause_ms);
void outcomes_fini(struct outcomes *outcomes);
/* Gives a pass of health_enter() back, with the end of its question. [any] */
void outcomes_settle(struct outcomes *outcomes, enum breaker_pass pass, const struct fault *fault);
/* Counts a question about a client, and logs a fault of the directory at a limited rate. took_ms:
 * -1: it was not asked. [any] */
void outcomes_count(struct outcomes *outcomes, const struct fault *fault, int64_t took_ms);

#endif
