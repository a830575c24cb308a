/* turns - limits how many control connections a client sets up at once. A server allows a limited
 * number of unauthenticated connections from one source, and closes the oldest beyond that.
 * [worker] */
#ifndef CORE_TURNS_H
#define CORE_TURNS_H

#include <stdbool.h>

#include "base/list.h"
#include "loop/loop.h"

struct turn {
	struct list node;
	bool taken;
};

struct turns {
	struct loop *loop;
	struct list waiting; /* of struct turn */
	unsigned n;          /* taken */
	void (*start)(struct turn *turn);
	struct loop_task next;
};

/* start: runs for a turn that has waited and is taken now, at the end of a turn of the loop. */
void turns_init(struct turns *turns, struct loop *loop, void (*start)(struct turn *turn));
void turn_init(struct turn *turn);
/* True: the turn is taken. False: it waits, and `start` runs once others have released theirs. */
bool turn_take(struct turns *turns, struct turn *turn);
/* Releases a turn that is taken, or ends its wait. Idempotent. */
void turn_release(struct turns *turns, struct turn *turn);

#endif
