#include "loop/call.h"

#include <stdbool.h>

#include "loop/loop.h"
#include "suite.h"

static struct loop *loop;
static bool reaped;

static void reap(struct loop_task *unused)
{
	(void)unused;
	reaped = true;
}

static struct loop_task reap_task = { .run = reap };

static void look(void *arg)
{
	*(bool *)arg = loop_current() == loop;
	loop_reap(loop, &reap_task);
}

START_TEST(a_call_runs_there_and_is_waited_for)
{
	bool there = false;
	struct err err;

	ck_assert_ptr_nonnull(loop = loop_new(0, &err));
	ck_assert(loop_start(loop, &err));
	for (int i = 0; i < 100; i++) {
		there = false;
		loop_call(loop, look, &there);
		ck_assert(there);
	}
	loop_break(loop);
	loop_join(loop);
	loop_free(loop);
}
END_TEST

START_TEST(settling_waits_for_the_reaper)
{
	bool there = false;
	struct err err;

	ck_assert_ptr_nonnull(loop = loop_new(0, &err));
	ck_assert(loop_start(loop, &err));
	for (int i = 0; i < 100; i++) {
		reaped = false;
		loop_call(loop, look, &there);
		loop_settle(loop);
		ck_assert(reaped);
	}
	loop_break(loop);
	loop_join(loop);
	loop_free(loop);
}
END_TEST

SUITE("call", a_call_runs_there_and_is_waited_for, settling_waits_for_the_reaper)
