#include "relay/brake.h"

#include <ev.h>
#include <stdlib.h>

#include "base/container.h"
#include "loop/loop.h"
#include "relay/bucket.h"
#include "relay/throttle.h"

struct hold {
	struct brake *brake; /* that contains it */
	struct throttle throttle;
	struct bucket *bucket; /* borrowed; NULL: none */
	struct bucket_turn turn;
	size_t taken; /* bytes from the bucket, until brake_settle */
};

struct brake {
	struct brake_terms terms;
	struct hold holds[2]; /* holds[i] limits flow i */
	ev_timer pause;       /* runs while a flow has reached the relay's own limit */
};

static void on_pause_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct brake *brake = timer->data;

	(void)ev;
	(void)events;
	brake->terms.on_pause_over(brake->terms.arg);
}

static void on_turn(struct bucket_turn *turn)
{
	struct hold *hold = CONTAINER_OF(turn, struct hold, turn);
	struct brake *brake = hold->brake;

	brake->terms.on_turn((int)(hold - brake->holds), brake->terms.arg);
	if (!turn->granted)
		return;
	bucket_give_back(hold->bucket, turn->granted);
	turn->granted = 0;
}

bool brake_is_needed(uint64_t rate, struct bucket *const buckets[2])
{
	return rate > 0 || (buckets[0] && bucket_rate(buckets[0])) ||
	       (buckets[1] && bucket_rate(buckets[1]));
}

struct brake *brake_new(const struct brake_terms *terms, const uint64_t moved[2])
{
	struct brake *brake = calloc(1, sizeof *brake);

	if (!brake)
		return NULL;
	brake->terms = *terms;
	for (int i = 0; i < 2; i++) {
		struct hold *hold = &brake->holds[i];

		hold->brake = brake;
		if (terms->rate)
			throttle_init(&hold->throttle, terms->rate, loop_now_ms(terms->loop));
		hold->throttle.charged = moved[i];
		hold->bucket = terms->buckets[i];
		hold->turn.on_turn = on_turn;
	}
	ev_timer_init(&brake->pause, on_pause_over, 0.0, 0.0);
	brake->pause.data = brake;
	return brake;
}

void brake_stop(struct brake *brake)
{
	ev_timer_stop(loop_ev(brake->terms.loop), &brake->pause);
	for (int i = 0; i < 2; i++)
		bucket_leave(&brake->holds[i].turn);
}

void brake_free(struct brake *brake)
{
	free(brake);
}

/* What the relay's own limit allows. */
static size_t own_room(struct brake *brake, int flow, uint64_t moved)
{
	if (!brake->terms.rate)
		return SIZE_MAX;
	return throttle_room(&brake->holds[flow].throttle, moved, loop_now_ms(brake->terms.loop));
}

/* What the shared limit allows. 0: the flow is in the line. */
static size_t shared_room(struct brake *brake, struct hold *hold)
{
	if (hold->turn.line)
		return 0;
	hold->taken = hold->turn.granted;
	hold->turn.granted = 0;
	if (!hold->taken)
		hold->taken = bucket_take(hold->bucket, brake->terms.loop);
	if (!hold->taken)
		bucket_wait(hold->bucket, brake->terms.loop, &hold->turn);
	return hold->taken;
}

size_t brake_take(struct brake *brake, int flow, uint64_t moved)
{
	struct hold *hold = &brake->holds[flow];
	size_t own = own_room(brake, flow, moved), shared = SIZE_MAX;

	hold->taken = 0;
	if (own > 0 && hold->bucket)
		shared = shared_room(brake, hold);
	return own < shared ? own : shared;
}

void brake_settle(struct brake *brake, int flow, size_t bytes)
{
	struct hold *hold = &brake->holds[flow];

	if (hold->taken > bytes && hold->taken != SIZE_MAX)
		bucket_give_back(hold->bucket, hold->taken - bytes);
	hold->taken = 0;
}

void brake_charge(struct brake *brake, int flow, size_t bytes)
{
	struct hold *hold = &brake->holds[flow];

	if (hold->bucket && bytes > 0)
		bucket_charge(hold->bucket, brake->terms.loop, bytes);
}

static void start_pause(struct brake *brake, const struct throttle *throttle)
{
	if (ev_is_active(&brake->pause))
		return;
	ev_timer_set(&brake->pause, (double)throttle_wait_ms(throttle) / 1000.0, 0.0);
	ev_timer_start(loop_ev(brake->terms.loop), &brake->pause);
}

bool brake_holds(struct brake *brake, int flow, uint64_t moved)
{
	struct hold *hold = &brake->holds[flow];

	if (own_room(brake, flow, moved) > 0)
		return hold->turn.line != NULL;
	start_pause(brake, &hold->throttle);
	return true;
}
