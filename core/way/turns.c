#include "way/turns.h"

#include "base/container.h"

enum { MAX_TAKEN = 64 };

static void run_next(struct loop_task *task)
{
	struct turns *turns = CONTAINER_OF(task, struct turns, next);

	while (turns->n < turns->most && !list_is_empty(&turns->waiting)) {
		struct turn *turn = CONTAINER_OF(turns->waiting.next, struct turn, node);

		list_remove(&turn->node);
		turn->taken = true;
		turns->n++;
		turns->start(turn);
	}
}

void turns_init(struct turns *turns, struct loop *loop, void (*start)(struct turn *turn))
{
	*turns = (struct turns){
		.loop = loop, .most = MAX_TAKEN, .start = start, .next.run = run_next
	};
	list_init(&turns->waiting);
	list_init(&turns->resting);
}

void turns_narrow(struct turns *turns)
{
	turns->most = 1;
}

void turns_widen(struct turns *turns)
{
	turns->most = MAX_TAKEN;
	if (!list_is_empty(&turns->waiting))
		loop_at_turn_end(turns->loop, &turns->next);
}

bool turns_are_narrow(const struct turns *turns)
{
	return turns->most == 1;
}

static struct turn *first_of(const struct list *list)
{
	return list_is_empty(list) ? NULL : CONTAINER_OF(list->next, struct turn, node);
}

struct turn *turns_waiting(const struct turns *turns)
{
	return first_of(&turns->waiting);
}

struct turn *turns_resting(const struct turns *turns)
{
	return first_of(&turns->resting);
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
	turn->taken = turns->n < turns->most;
	if (turn->taken)
		turns->n++;
	else
		list_append(&turns->waiting, &turn->node);
	return turn->taken;
}

void turn_rest(struct turns *turns, struct turn *turn)
{
	list_remove(&turn->node);
	list_append(&turns->resting, &turn->node);
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
