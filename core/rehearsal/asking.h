/* asking - one test of an auth chain: what is asked, and how the answer is shown. The two ways to
 * ask are alone and remote. [main] */
#ifndef CORE_ASKING_H
#define CORE_ASKING_H

#include <stdbool.h>

#include "admin/admin_trial.h"
#include "rehearsal/answerer.h"

struct asking {
	struct admin_trial_question question; /* the challenge and the answer are filled in later */
	struct answerer answerer;
	bool as_json;
};

#endif
