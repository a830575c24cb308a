#include "review/review_round.h"

#include <spore/base.h>

#include "log/log.h"
#include "stderr_file.h"
#include "suite.h"

static const char summary[] = "clients of open tunnels were authenticated again";

START_TEST(the_last_outcome_writes_one_line)
{
	struct review_round *round;

	stderr_file_begin();
	round = review_round_new(1);
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_eq(review_round_add(round), round);
	review_round_end(round, REVIEW_ALLOWED, true);
	review_round_found_all(round);
	review_round_end(round, REVIEW_ALLOWED, true);
	review_round_end(round, REVIEW_LEFT, true);
	ck_assert_uint_eq(stderr_file_lines(), 0);
	review_round_end(round, REVIEW_DENIED, true);
	ck_assert_uint_eq(stderr_file_lines(), 1);
	stderr_file_expect(summary);
	stderr_file_expect("tunnels=4 allowed=2 denied=1 left=1");
}
END_TEST

START_TEST(the_first_pass_names_who_could_not_decide)
{
	struct review_round *round;

	stderr_file_begin();
	round = review_round_new(1);
	for (int i = 0; i < 3; i++)
		review_round_add(round);
	review_round_found_all(round);
	review_round_undecided(round, "slow", SPORE_EBUSY);
	review_round_undecided(round, "slow", SPORE_EBUSY);
	ck_assert_uint_eq(stderr_file_lines(), 0);
	review_round_end(round, REVIEW_ALLOWED, true);
	ck_assert_uint_eq(stderr_file_lines(), 1);
	stderr_file_expect("could not be authenticated again; the server tries on");
	stderr_file_expect("tunnels=3 undecided=2 plugin=slow status=");
	stderr_file_expect("SPORE_EBUSY");
	review_round_end(round, REVIEW_ALLOWED, false);
	ck_assert_uint_eq(stderr_file_lines(), 1);
	review_round_end(round, REVIEW_ALLOWED, false);
	ck_assert_uint_eq(stderr_file_lines(), 2);
	stderr_file_expect("tunnels=3 allowed=3 denied=0 left=0");
}
END_TEST

START_TEST(without_tunnels_nothing_is_said)
{
	stderr_file_begin();
	review_round_found_all(review_round_new(1));
	review_round_found_all(NULL);
	ck_assert_ptr_null(review_round_add(NULL));
	review_round_undecided(NULL, "p", SPORE_EBUSY);
	review_round_end(NULL, REVIEW_ALLOWED, true);
	ck_assert_uint_eq(stderr_file_lines(), 0);
}
END_TEST

SUITE("review_round", the_last_outcome_writes_one_line, the_first_pass_names_who_could_not_decide,
      without_tunnels_nothing_is_said)
