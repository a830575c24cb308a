/* reload_answer - the result of a reload, and how it is logged. [main] */
#ifndef CORE_RELOAD_ANSWER_H
#define CORE_RELOAD_ANSWER_H

#include <stdbool.h>

#include "config/changes.h"

#define RELOAD_REFUSED "reload refused, configuration unchanged"

struct reload_answer {
	bool swapped; /* the new configuration is in use */
	/* If swapped: the options that differ. Empty: only the files that the configuration names
	 * (certificates, secrets, lists) were read again. Options that need a restart are listed
	 * until it happens. */
	struct changes changes;
	/* If not swapped: all mistakes, as at a start; lines that end in a newline. Owned; NULL:
	 * out of memory. */
	char *mistakes;
};

void reload_answer_log(const struct reload_answer *answer);
void reload_answer_fini(struct reload_answer *answer);

#endif
