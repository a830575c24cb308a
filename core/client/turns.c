#include "client/turns.h"

#include "base/container.h"

enum { MAX_TAKEN = 64 };

static void run_next(struct loop_task *task)
{
	struct turns *turns = CONTAINER_OF(task, struct turns, next);

	while (turns->n < MAX_TAKEN && !list_is_empty(&turns->waiting)) {
		struct turn *turn = CONTAINER_OF(turns->waiting.next, struct turn, node);

		list_remove(&turn->node);
		turn->taken = true;
		turns->n++;
		turns->start(turn);
	}
}

void turns_init(struct turns *turns, struct loop *loop, void (*start)(struct turn *turn))
{
	*turns = (struct turns){ .loop = loop, .start = start, .next.run = run_next };
	list_init(&turns->waiting);
}

void turn_init(struct turn *turn)
{
	list_init(&turn->node);
	turn->taken = false;
}

bool turn_take(struct turns *turns, struct turn *turn)
{
	if (turn->taken)
		return true;
	list_remove(&turn->node);
	turn->taken = turns->n < MAX_TAKEN;
	if (turn->taken)
		turns->n++;
	else
		list_append(&turns->waiting, &turn->node);
	return turn->taken;
}

void turn_release(struct turns *turns, struct turn *turn)
{
	list_remove(&turn->node);
	if (!turn->taken)
		return;
	turn->taken = false;
	turns->n--;
	if (!list_is_empty(&turns->waiting))
		loop_at_turn_end(turns->loop, &turns->next);
}
