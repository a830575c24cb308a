#include "way/changes.h"

#include "base/clock.h"
#include "run_until.h"
#include "suite.h"

static unsigned n_told;

static void on_change(void *arg)
{
	(void)arg;
	n_told++;
}

static bool is_told(void *unused)
{
	(void)unused;
	return n_told > 0;
}

/* As if the process had stood still until now. */
static void stand_still(struct changes *changes)
{
	changes->standstill.last.boot_ms -= 60000;
	changes->standstill.last.monotonic_ms -= 60000;
}

START_TEST(a_standstill_is_told_at_the_next_tick)
{
	struct loop *loop = run_until_loop();
	struct changes changes;

	n_told = 0;
	changes_start(&changes, loop, on_change, NULL);
	stand_still(&changes);
	ck_assert(run_until(loop, is_told, NULL));
	changes_stop(&changes);
	changes_stop(&changes);
	run_for(loop, 10);
	ck_assert_uint_eq(n_told, 1);
	loop_finish(loop);
	loop_free(loop);
}
END_TEST

START_TEST(a_storm_is_told_a_few_times)
{
	struct loop *loop = run_until_loop();
	struct changes changes;

	n_told = 0;
	changes_start(&changes, loop, on_change, NULL);
	for (int i = 0; i < 100; i++) {
		ev_feed_event(loop_ev(loop), &changes.gather, EV_TIMER);
		run_for(loop, 2);
	}
	ck_assert_uint_le(n_told, 6);
	ck_assert_uint_ge(n_told, 5);
	ck_assert(ev_is_active(&changes.gather)); /* the last ones are told later */
	changes_stop(&changes);
	loop_finish(loop);
	loop_free(loop);
}
END_TEST

SUITE("changes", a_standstill_is_told_at_the_next_tick, a_storm_is_told_a_few_times)
