/* run_until - runs a loop on the calling thread until something holds, or far too much time passed.
 */
#ifndef UNIT_RUN_UNTIL_H
#define UNIT_RUN_UNTIL_H

#include <check.h>
#include <ev.h>
#include <stdbool.h>

#include "base/clock.h"
#include "loop/loop.h"

enum { RUN_UNTIL_MS = 15000 };

typedef bool (*run_until_fn)(void *arg);

struct run_until {
	run_until_fn holds;
	void *arg;
	int64_t deadline_ms;
	bool held;
};

static inline void run_until_look(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct run_until *run = timer->data;

	(void)events;
	run->held = run->holds(run->arg);
	if (run->held || clock_ms() > run->deadline_ms)
		ev_break(ev, EVBREAK_ALL);
}

/* False when it never held. */
static inline bool run_until_within(struct loop *loop, int64_t ms, run_until_fn holds, void *arg)
{
	struct run_until run = { holds, arg, clock_ms() + ms, false };
	ev_timer timer;

	ev_timer_init(&timer, run_until_look, 0.0, 0.001);
	timer.data = &run;
	ev_timer_start(loop_ev(loop), &timer);
	while (!run.held && clock_ms() <= run.deadline_ms)
		loop_run(loop);
	ev_timer_stop(loop_ev(loop), &timer);
	return run.held;
}

static inline bool run_until(struct loop *loop, run_until_fn holds, void *arg)
{
	return run_until_within(loop, RUN_UNTIL_MS, holds, arg);
}

static inline bool run_until_never(void *unused)
{
	(void)unused;
	return false;
}

/* Lets the loop run for so long. */
static inline void run_for(struct loop *loop, int64_t ms)
{
	run_until_within(loop, ms, run_until_never, NULL);
}

static inline bool run_until_is_set(void *flag)
{
	return *(bool *)flag;
}

static inline struct loop *run_until_loop(void)
{
	struct err err;
	struct loop *loop = loop_new(0, &err);

	ck_assert_msg(loop != NULL, "%s", err.text);
	return loop;
}

#endif
