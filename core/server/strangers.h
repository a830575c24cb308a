/* strangers - a worker's connections that have not authenticated yet, oldest first, and who has to go
 * when there are too many. [worker] */
#ifndef CORE_STRANGERS_H
#define CORE_STRANGERS_H

#include "base/list.h"
#include "server/source.h"

/* Embedded in the session. */
struct stranger {
	struct list node;      /* in list->all; its own ring once it is no stranger any more */
	struct source *source; /* ref; NULL likewise */
};

struct stranger_list {
	struct list all;
	unsigned count, most;
};

void stranger_list_init(struct stranger_list *list, unsigned most);
void stranger_init(struct stranger *stranger);
/* Adds it, taking the ref of a source that was entered. True if the list is full now. */
bool stranger_add(struct stranger_list *list, struct stranger *stranger, struct source *source);
/* It is known now, or gone. Idempotent. */
void stranger_remove(struct stranger_list *list, struct stranger *stranger);
/* The oldest connection of the source that has most; NULL if there is none. */
struct stranger *stranger_heaviest(const struct stranger_list *list);

#endif
