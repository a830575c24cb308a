#include "way/turns.h"

#include "suite.h"

enum { MOST = 64, ALL = 200 };

static unsigned n_started;
static struct turns turns;

static void start(struct turn *turn)
{
	ck_assert(turn->taken);
	n_started++;
}

START_TEST(as_many_as_may_go_on_and_the_rest_in_their_order)
{
	struct err err;
	struct loop *loop = loop_new(0, &err);
	struct turn all[ALL];

	n_started = 0;
	turns_init(&turns, loop, start);
	for (unsigned i = 0; i < ALL; i++) {
		turn_init(&all[i]);
		ck_assert_int_eq(turn_take(&turns, &all[i]), i < MOST);
	}
	turn_release(&turns, &all[0]);
	turn_release(&turns, &all[0]);
	turn_release(&turns, &all[MOST]); /* it ends its wait */
	turns.next.run(&turns.next);
	ck_assert_uint_eq(n_started, 1);
	ck_assert(!all[MOST].taken && all[MOST + 1].taken && !all[MOST + 2].taken);
	for (unsigned i = 0; i < ALL; i++)
		turn_release(&turns, &all[i]);
	ck_assert_uint_eq(turns.n, 0);
	turns.next.run(&turns.next);
	ck_assert_uint_eq(n_started, 1);
	loop_free(loop);
}
END_TEST

START_TEST(one_at_a_time_while_they_are_narrow)
{
	struct err err;
	struct loop *loop = loop_new(0, &err);
	struct turn all[3];

	n_started = 0;
	turns_init(&turns, loop, start);
	turns_narrow(&turns);
	ck_assert(turns_are_narrow(&turns) && !turns_waiting(&turns));
	for (unsigned i = 0; i < 3; i++) {
		turn_init(&all[i]);
		ck_assert_int_eq(turn_take(&turns, &all[i]), i == 0);
	}
	ck_assert_ptr_eq(turns_waiting(&turns), &all[1]);
	turn_release(&turns, &all[0]);
	turns.next.run(&turns.next);
	ck_assert(all[1].taken && !all[2].taken);
	turns_widen(&turns);
	ck_assert(!turns_are_narrow(&turns));
	turns.next.run(&turns.next);
	ck_assert(all[2].taken && !turns_waiting(&turns));
	ck_assert_uint_eq(n_started, 2);
	loop_free(loop);
}
END_TEST

START_TEST(a_turn_rests_before_it_waits)
{
	struct err err;
	struct loop *loop = loop_new(0, &err);
	struct turn turn;

	turns_init(&turns, loop, start);
	turn_init(&turn);
	turn_rest(&turns, &turn);
	ck_assert(turns_resting(&turns) == &turn && !turns_waiting(&turns));
	turn_release(&turns, &turn);
	ck_assert(!turns_resting(&turns));
	turn_rest(&turns, &turn);
	ck_assert(turn_take(&turns, &turn) && !turns_resting(&turns));
	loop_free(loop);
}
END_TEST

SUITE("turns", a_turn_rests_before_it_waits, one_at_a_time_while_they_are_narrow,
      as_many_as_may_go_on_and_the_rest_in_their_order)
