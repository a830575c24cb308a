/* deadline - many deadlines of one length, for the price of one timer.
 *
 * Since all of a list last equally long, they expire in the order in which they began: a list and
 * one timer do, without a heap entry or an allocation each. [worker] */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H

#include <ev.h>
#include <stdint.h>

#include "base/list.h"

struct loop;

/* Embedded in what it guards. */
struct deadline {
	struct list node;
	int64_t at_ms;
};

struct deadline_list {
	struct loop *loop; /* borrowed: outlives the list */
	ev_timer timer;
	struct list running; /* of struct deadline, soonest first */
	int64_t after_ms;
	void (*on_expired)(struct deadline *deadline);
};

void deadline_list_init(struct deadline_list *list, struct loop *loop, int64_t after_ms,
                        void (*on_expired)(struct deadline *deadline));
void deadline_list_fini(struct deadline_list *list);

void deadline_init(struct deadline *deadline);
/* (Re)starts it: on_expired runs after the list's time, once, unless stopped before. */
void deadline_start(struct deadline_list *list, struct deadline *deadline);
void deadline_stop(struct deadline *deadline);

#endif
