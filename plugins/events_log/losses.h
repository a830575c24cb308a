/* losses - counts the lines that could not be written, and logs the beginning and the end of such a
 * time once each. [blocking] */
#ifndef EVENTS_LOG_LOSSES_H
#define EVENTS_LOG_LOSSES_H

#include <spore/plugin.h>
#include <stdbool.h>

enum loss { LOSS_NO_SPACE, LOSS_OTHER, LOSSES };

struct losses {
	const spore_host *host;
	spore_ctx *log;
	const char *target; /* for the log: the path; borrowed */
	uint32_t series[LOSSES];
	bool is_failing; /* true once logged */
	uint64_t n;      /* since then */
};

/* Also adds the metric. [main], in create() */
void losses_init(struct losses *losses, const spore_create_args *args, const char *target);
/* n lines are lost; cause: an errno. 0 lines: writing works. */
void losses_note(struct losses *losses, size_t n, int cause);

#endif
