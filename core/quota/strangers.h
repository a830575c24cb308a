/* strangers - a worker's connections that have not authenticated yet, and who has to go when there
 * are too many.
 *
 * Those of one source are a crowd. Past the number in all, the oldest of the largest crowd goes;
 * past a source's own share, the oldest of its crowd: so an honest client, which is soon known,
 * gets in even from the address that strangers come from. Connections that we asked for are beside
 * all counts. [worker] */
#ifndef CORE_STRANGERS_H
#define CORE_STRANGERS_H

#include <stdatomic.h>

#include "base/list.h"
#include "quota/source.h"

enum { STRANGER_LEVELS = 512, STRANGER_BUCKETS = 1024 };

struct crowd;

/* Embedded in the session. */
struct stranger {
	struct list node;      /* in crowd->all */
	struct source *source; /* ref; NULL once it is no stranger any more */
	struct crowd *crowd;   /* NULL if it was asked for */
};

struct stranger_list {
	atomic_uint *total;                      /* borrowed; of all workers */
	struct crowd *buckets[STRANGER_BUCKETS]; /* by source */
	struct list levels[STRANGER_LEVELS]; /* crowds by their number, the last for more, too */
	unsigned top;                        /* no level above it holds any */
	unsigned count;                      /* in crowds, here */
};

/* total: borrowed; the workers share it. */
void stranger_list_init(struct stranger_list *list, atomic_uint *total);
void stranger_init(struct stranger *stranger);
/* Adds it; false: out of memory. Takes the ref of the source, which was entered, either way.
 * asked_for: what source_enter said. */
bool stranger_add(struct stranger_list *list, struct stranger *stranger, struct source *source,
                  bool asked_for);
/* It is known now, or gone. Idempotent. */
void stranger_remove(struct stranger_list *list, struct stranger *stranger);
/* Who has to go now that the newcomer was added, never itself; NULL: nobody. scarce: there is no
 * room for one more, whatever the numbers allow. */
struct stranger *stranger_to_go(const struct stranger_list *list, const struct stranger *newcomer,
                                const struct limits *limits, bool scarce);

#endif
