#include "loop/survey.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "run_until.h"
#include "suite.h"

enum { LOOPS = 3 };

struct question {
	int add;
	unsigned silent;     /* the index of a loop that does not answer yet; LOOPS: none */
	atomic_bool *let_go; /* until this is set */
};

static struct loop *home, *loops[LOOPS];
static atomic_int dropped;
static int answers[LOOPS];
static bool is_done;

static void *ask(unsigned index, const void *arg)
{
	const struct question *question = arg;
	int *answer = malloc(sizeof *answer);

	ck_assert(loop_current() == loops[index]);
	while (question->silent == index && !atomic_load(question->let_go))
		;
	*answer = (int)index + question->add;
	return answer;
}

static void drop(void *answer)
{
	free(answer);
	atomic_fetch_add(&dropped, 1);
}

static void done(struct survey *survey, void *arg)
{
	ck_assert_str_eq(arg, "arg");
	ck_assert(!is_done);
	for (unsigned i = 0; i < LOOPS; i++) {
		const int *answer = survey_answer(survey, i);

		answers[i] = answer ? *answer : -1;
		ck_assert(answer ? survey_waited_ns(survey, i) >= 0
		                 : survey_waited_ns(survey, i) == -1);
	}
	is_done = true;
}

static void set_up(void)
{
	struct err err;

	home = run_until_loop();
	for (unsigned i = 0; i < LOOPS; i++) {
		ck_assert_ptr_nonnull(loops[i] = loop_new(i, &err));
		ck_assert(loop_start(loops[i], &err));
	}
}

static void tear_down(void)
{
	for (unsigned i = 0; i < LOOPS; i++) {
		loop_break(loops[i]);
		loop_join(loops[i]);
		loop_free(loops[i]);
	}
	loop_free(home);
}

static struct survey *start(const struct question *question, int64_t wait_ms)
{
	return survey_start(&(struct survey_plan){ .home = home,
	                                           .loops = loops,
	                                           .n = LOOPS,
	                                           .wait_ms = wait_ms,
	                                           .question = question,
	                                           .size = sizeof *question,
	                                           .ask = ask,
	                                           .drop = drop,
	                                           .done = done,
	                                           .arg = "arg" });
}

static bool all_are_dropped(void *unused)
{
	(void)unused;
	return atomic_load(&dropped) == LOOPS;
}

START_TEST(all_answer)
{
	struct question question = { 7, LOOPS, NULL };

	set_up();
	ck_assert_ptr_nonnull(start(&question, RUN_UNTIL_MS));
	question.add = 0; /* it was copied */
	ck_assert(run_until(home, run_until_is_set, &is_done));
	for (unsigned i = 0; i < LOOPS; i++)
		ck_assert_int_eq(answers[i], (int)i + 7);
	ck_assert_int_eq(dropped, LOOPS);
	tear_down();
}
END_TEST

START_TEST(one_that_hangs_is_not_waited_for)
{
	atomic_bool let_go = false;
	struct question question = { 7, 1, &let_go };

	set_up();
	ck_assert_ptr_nonnull(start(&question, 50));
	ck_assert(run_until(home, run_until_is_set, &is_done));
	ck_assert_int_eq(answers[1], -1);
	atomic_store(&let_go, true);
	ck_assert(run_until(home, all_are_dropped, NULL));
	tear_down();
}
END_TEST

START_TEST(a_forgotten_one_says_nothing)
{
	atomic_bool let_go = false;
	struct question question = { 7, 2, &let_go };

	set_up();
	survey_forget(start(&question, 1));
	run_for(home, 20);
	atomic_store(&let_go, true);
	ck_assert(run_until(home, all_are_dropped, NULL));
	ck_assert(!is_done);
	tear_down();
}
END_TEST

SUITE("survey", all_answer, one_that_hangs_is_not_waited_for, a_forgotten_one_says_nothing)
