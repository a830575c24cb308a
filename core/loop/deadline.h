/* deadline - many deadlines of the same length with one timer.
 *
 * The deadlines of a list all last equally long, so they expire in the order of their start. A list
 * and one timer are enough; a deadline needs no allocation and no entry in a heap. If the length
 * changes, deadlines of both lengths run until the old ones have ended. [worker] */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct loop;

/* Embedded in the object that has the deadline. */
struct deadline {
	struct list node;
	int64_t at_ms;
};

struct deadline_list {
	struct loop *loop; /* borrowed; outlives the list */
	ev_timer timer;
	struct list running; /* of struct deadline, soonest first */
	int64_t after_ms;
	int64_t armed_ms; /* when the running timer fires; no later than the first deadline */
	void (*on_expired)(struct deadline *deadline);
};

void deadline_list_init(struct deadline_list *list, struct loop *loop, int64_t after_ms,
                        void (*on_expired)(struct deadline *deadline));
void deadline_list_fini(struct deadline_list *list);
/* The length of the deadlines that start from now on. */
void deadline_list_set(struct deadline_list *list, int64_t after_ms);

void deadline_init(struct deadline *deadline);
/* Starts or restarts it. on_expired runs once, after the list's time, unless it is stopped
 * before. */
void deadline_start(struct deadline_list *list, struct deadline *deadline);
/* The same, but the time has come: on_expired runs in one of the next turns. */
void deadline_start_now(struct deadline_list *list, struct deadline *deadline);
void deadline_stop(struct deadline *deadline);
bool deadline_is_running(const struct deadline *deadline);

#endif
