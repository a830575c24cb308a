/* turns - not all control connections of a client with many tunnels are set up at once: a server
 * takes so many of one source for strangers, and cuts the oldest. [worker] */
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

/* start: of one that has waited, at the end of a turn of the loop; its turn is taken. */
void turns_init(struct turns *turns, struct loop *loop, void (*start)(struct turn *turn));
void turn_init(struct turn *turn);
/* True: go on. False: `start` is called when others are done. */
bool turn_take(struct turns *turns, struct turn *turn);
/* Done, or not wanted any more; whichever way, and may be repeated. */
void turn_give(struct turns *turns, struct turn *turn);

#endif
