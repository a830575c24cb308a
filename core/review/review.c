#include "review/review.h"

#include "base/container.h"
#include "base/crypto.h"
#include "loop/loop.h"

enum { FIRST_PAUSE_MS = 1000, LONGEST_PAUSE_MS = 60000, DOUBLINGS = 6 };

/* Asking waits for the next turn, so that a worker's other work goes on, however fast the verdicts
 * come. */
static void wake_queue(struct review_queue *queue)
{
	if (list_is_empty(&queue->waiting) || queue->asked >= REVIEW_AT_ONCE ||
	    ev_is_active(&queue->turn))
		return;
	ev_timer_set(&queue->turn, 0.0, 0.0);
	ev_timer_start(loop_ev(queue->loop), &queue->turn);
}

static void on_turn(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct review_queue *queue = timer->data;

	(void)ev;
	(void)events;
	for (int i = 0; i < REVIEW_AT_ONCE; i++) {
		struct review *review;

		if (list_is_empty(&queue->waiting) || queue->asked >= REVIEW_AT_ONCE)
			break;
		review = CONTAINER_OF(queue->waiting.next, struct review, node);
		list_remove(&review->node);
		review->state = REVIEW_ASKED;
		queue->asked++;
		queue->ask(review);
	}
	wake_queue(queue);
}

/* Out of the queue, and of the pause. */
static void take_out(struct review *review)
{
	struct review_queue *queue = review->queue;

	list_remove(&review->node);
	ev_timer_stop(loop_ev(queue->loop), &review->pause);
	queue->asked -= review->state == REVIEW_ASKED;
	review->state = REVIEW_NONE;
	wake_queue(queue);
}

static void put_in(struct review *review)
{
	review->state = REVIEW_WAITING;
	list_append(&review->queue->waiting, &review->node);
	wake_queue(review->queue);
}

static void on_pause_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	put_in(timer->data);
}

/* The second half of the pause is random, so that those who failed together do not come back
 * together. */
static double pause_s(unsigned tries)
{
	unsigned doublings = tries < DOUBLINGS ? tries : DOUBLINGS;
	int64_t most_ms = (int64_t)FIRST_PAUSE_MS << doublings;
	uint32_t dice;

	if (most_ms > LONGEST_PAUSE_MS)
		most_ms = LONGEST_PAUSE_MS;
	if (!crypto_random(&dice, sizeof dice))
		dice = UINT32_MAX;
	return (double)most_ms * (0.5 + 0.5 * dice / UINT32_MAX) / 1000.0;
}

void review_queue_init(struct review_queue *queue, struct loop *loop,
                       void (*ask)(struct review *review))
{
	*queue = (struct review_queue){ .loop = loop, .ask = ask };
	list_init(&queue->waiting);
	ev_timer_init(&queue->turn, on_turn, 0.0, 0.0);
	queue->turn.data = queue;
}

void review_queue_fini(struct review_queue *queue)
{
	ev_timer_stop(loop_ev(queue->loop), &queue->turn);
}

void review_init(struct review *review, struct review_queue *queue)
{
	*review = (struct review){ .queue = queue };
	list_init(&review->node);
	ev_timer_init(&review->pause, on_pause_over, 0.0, 0.0);
	review->pause.data = review;
}

void review_start(struct review *review, struct review_round *round)
{
	review->round = review_round_add(round);
	review->tries = 0;
	put_in(review);
}

void review_pause(struct review *review, const char *plugin, int32_t status)
{
	if (review->tries == 0)
		review_round_undecided(review->round, plugin, status);
	take_out(review);
	review->state = REVIEW_PAUSED;
	ev_timer_set(&review->pause, pause_s(review->tries++), 0.0);
	ev_timer_start(loop_ev(review->queue->loop), &review->pause);
}

void review_end(struct review *review, enum review_outcome outcome)
{
	if (review->state == REVIEW_NONE)
		return;
	take_out(review);
	review_round_end(review->round, outcome, review->tries == 0);
	review->round = NULL;
}
