#include "client/turns.h"

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

SUITE("turns", as_many_as_may_go_on_and_the_rest_in_their_order)
