#include "client/opening.h"

#include <stdlib.h>

#include "client/roll.h"
#include "suite.h"

static bool is_settled(enum session_state at, int64_t retry_in_ms)
{
	struct roll *roll = calloc(1, sizeof *roll + 2 * sizeof *roll->rows);
	bool settled;

	ck_assert_ptr_nonnull(roll);
	roll->n = 2;
	roll->rows[0].at = SESSION_STANDING;
	roll->rows[1].at = at;
	roll->rows[1].retry_in_ms = retry_in_ms;
	settled = opening_is_settled(roll);
	free(roll);
	return settled;
}

START_TEST(some_states_are_awaited)
{
	ck_assert(is_settled(SESSION_STANDING, 0));
	ck_assert(is_settled(SESSION_PARTING, 0));
	ck_assert(is_settled(SESSION_HELD, 0));
	ck_assert(is_settled(SESSION_OVER, 0));
	ck_assert(is_settled(SESSION_PAUSED, 1000));
	ck_assert(!is_settled(SESSION_PAUSED, 100)); /* its port may be free in a moment */
	ck_assert(!is_settled(SESSION_WAITING, 0));
	ck_assert(!is_settled(SESSION_CONNECTING, 0));
	ck_assert(!is_settled(SESSION_AWAITING_HELLO, 0));
}
END_TEST

START_TEST(nothing_is_awaited)
{
	struct opening opening = { .client = NULL };

	opening_forget(&opening);
}
END_TEST

SUITE("opening", some_states_are_awaited, nothing_is_awaited)
