/* turns - limits how many control connections a client sets up at once. A server allows a limited
 * number of unauthenticated connections from one source, and closes the oldest beyond that. And it
 * bans a source after some wrong secrets: until a server has let the client in, one connection at a
 * time tries the secret. [worker] */
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
	struct list resting; /* of struct turn; they will wait later */
	unsigned n, most;    /* taken; how many may be */
	void (*start)(struct turn *turn);
	struct loop_task next;
};

/* Many turns may be taken at once. start: runs for a turn that has waited and is taken now, at the
 * end of a turn of the loop. */
void turns_init(struct turns *turns, struct loop *loop, void (*start)(struct turn *turn));
/* From now on one turn may be taken at a time, or many again. Idempotent. */
void turns_narrow(struct turns *turns);
void turns_widen(struct turns *turns);
bool turns_are_narrow(const struct turns *turns);
/* The turn that has waited for longest. NULL: none waits. */
struct turn *turns_waiting(const struct turns *turns);
/* One that pauses before it waits. NULL: none does. */
struct turn *turns_resting(const struct turns *turns);
void turn_init(struct turn *turn);
/* True: the turn is taken. False: it waits, and `start` runs once others have released theirs. */
bool turn_take(struct turns *turns, struct turn *turn);
/* The turn pauses before it waits. It must not be taken. */
void turn_rest(struct turns *turns, struct turn *turn);
/* Releases a turn that is taken, or ends its wait or rest. Idempotent. */
void turn_release(struct turns *turns, struct turn *turn);

#endif
