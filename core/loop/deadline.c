#include "loop/deadline.h"

#include "base/clock.h"
#include "base/container.h"
#include "loop/loop.h"

static void rearm(struct deadline_list *list)
{
	struct deadline *first;
	int64_t left;

	if (list_is_empty(&list->running))
		return;
	first = CONTAINER_OF(list->running.next, struct deadline, node);
	list->armed_ms = first->at_ms;
	left = first->at_ms - clock_ms();
	ev_timer_stop(loop_ev(list->loop), &list->timer);
	/* Rounds up: a timer that fires too early costs one more turn. */
	ev_timer_set(&list->timer, (double)(left > 0 ? left + 1 : 1) / 1000.0, 0.0);
	ev_timer_start(loop_ev(list->loop), &list->timer);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct deadline_list *list = timer->data;
	int64_t now = clock_ms();

	(void)ev;
	(void)events;
	while (!list_is_empty(&list->running)) {
		struct deadline *first = CONTAINER_OF(list->running.next, struct deadline, node);

		if (first->at_ms > now)
			break;
		list_remove(&first->node);
		list->on_expired(first);
	}
	rearm(list);
}

void deadline_list_init(struct deadline_list *list, struct loop *loop, int64_t after_ms,
                        void (*on_expired)(struct deadline *deadline))
{
	list->loop = loop;
	list->after_ms = after_ms;
	list->on_expired = on_expired;
	list_init(&list->running);
	ev_timer_init(&list->timer, on_timer, 0.0, 0.0);
	list->timer.data = list;
}

void deadline_list_fini(struct deadline_list *list)
{
	ev_timer_stop(loop_ev(list->loop), &list->timer);
	while (!list_is_empty(&list->running))
		list_remove(list->running.next);
}

void deadline_list_set(struct deadline_list *list, int64_t after_ms)
{
	list->after_ms = after_ms;
}

void deadline_init(struct deadline *deadline)
{
	list_init(&deadline->node);
}

/* Searches from the end, which is the place of most deadlines. Only one that is shorter than those
 * before it, after deadline_list_set or by deadline_start_now, stands further ahead. */
static void insert_deadline(struct deadline_list *list, struct deadline *deadline)
{
	struct list *next = &list->running;

	while (next->prev != &list->running &&
	       CONTAINER_OF(next->prev, struct deadline, node)->at_ms > deadline->at_ms)
		next = next->prev;
	list_append(next, &deadline->node);
}

static void start_in(struct deadline_list *list, struct deadline *deadline, int64_t after_ms)
{
	list_remove(&deadline->node);
	deadline->at_ms = loop_now_ms(list->loop) + after_ms;
	insert_deadline(list, deadline);
	/* A timer that fires earlier, for another deadline, is rearmed then. */
	if (!ev_is_active(&list->timer) || list->armed_ms > deadline->at_ms)
		rearm(list);
}

void deadline_start(struct deadline_list *list, struct deadline *deadline)
{
	start_in(list, deadline, list->after_ms);
}

void deadline_start_now(struct deadline_list *list, struct deadline *deadline)
{
	start_in(list, deadline, 0);
}

void deadline_stop(struct deadline *deadline)
{
	list_remove(&deadline->node);
}

bool deadline_is_running(const struct deadline *deadline)
{
	return !list_is_empty(&deadline->node);
}
