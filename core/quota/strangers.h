/* strangers - the unauthenticated connections of a worker, and which of them is closed when there
 * are too many.
 *
 * The strangers of one source are a crowd. If there are too many in all, the oldest of the largest
 * crowd is closed. If a source has more than its share, the oldest of its own crowd is closed. An
 * honest client authenticates soon, so it gets in even from the address of an attacker. Expected
 * data connections are not counted. [worker] */
#ifndef CORE_STRANGERS_H
#define CORE_STRANGERS_H

#include <stdatomic.h>

#include "base/list.h"
#include "quota/source.h"

enum { STRANGER_LEVELS = 512, STRANGER_BUCKETS = 1024 };

struct crowd;
struct limit_hit;

/* Embedded in the session. */
struct stranger {
	struct list node;      /* in crowd->all */
	struct source *source; /* ref; NULL after stranger_remove */
	struct crowd *crowd;   /* NULL: an expected data connection */
};

struct stranger_list {
	atomic_uint *total;                      /* borrowed; in crowds, of all workers */
	unsigned count;                          /* in crowds, of this worker */
	struct crowd *buckets[STRANGER_BUCKETS]; /* by source */
	struct list levels[STRANGER_LEVELS];     /* crowds by size; the last has larger ones too */
	unsigned top;                            /* the highest level that has a crowd; else 0 */
};

/* total: borrowed; all workers share it. */
void stranger_list_init(struct stranger_list *list, atomic_uint *total);
void stranger_init(struct stranger *stranger);
/* Adds a connection that source_enter has counted. asked_for: what source_enter returned. Takes the
 * reference to the source, also on failure. False: out of memory. */
bool stranger_add(struct stranger_list *list, struct stranger *stranger, struct source *source,
                  bool asked_for);
/* The connection has authenticated, or has ended. Idempotent. */
void stranger_remove(struct stranger_list *list, struct stranger *stranger);
/* Which stranger to close now that the newcomer was added, and *hit_out. It is never the newcomer
 * itself. NULL: no stranger needs to be closed. scarce: descriptors are nearly used up, so one must
 * go even below the limits. */
struct stranger *stranger_to_close(const struct stranger_list *list,
                                   const struct stranger *newcomer, const struct limits *limits,
                                   bool scarce, struct limit_hit *hit_out);

#endif
