#include "quota/takeover.h"

#include <fcntl.h>

#include "scene/server_scene.h"
#include "suite.h"

static int yielded; /* what the holder gives; -1: nothing */
static unsigned n_questions, n_answers;
static int answer;

static struct sockets yield_port(const struct takeover_question *question,
                                 struct takeover_holder *holder_out)
{
	ck_assert_uint_eq(holder_out->peer.family, 0);
	holder_out->since_ms = 5;
	ck_assert_ptr_eq(question->holder, &scene.workers[1]);
	ck_assert_uint_eq(question->session, 77);
	ck_assert_uint_eq(question->port, 4000);
	ck_assert_ptr_eq(loop_current(), scene.loops[1]);
	n_questions++;
	return (struct sockets){ yielded >= 0, { yielded } };
}

static void on_answer(void *arg, struct sockets *sockets, const struct takeover_holder *holder)
{
	ck_assert_int_eq(holder->since_ms, 5);
	ck_assert_ptr_eq(arg, &answer);
	ck_assert_ptr_eq(loop_current(), scene.loops[0]);
	n_answers++;
	answer = sockets->n ? sockets->fds[0] : -1;
}

static struct takeover *ask(void)
{
	static const struct takeover_calls calls = { yield_port, on_answer };
	struct takeover_question question = { .holder = &scene.workers[1],
		                              .session = 77,
		                              .port = 4000 };
	struct takeover *takeover = takeover_ask(scene.loops[0], scene.loops[1], &question, &calls,
	                                         &answer);

	ck_assert_ptr_nonnull(takeover);
	return takeover;
}

START_TEST(the_answer_comes_on_the_asker_s_worker)
{
	scene_open(SCENE_OPEN);
	yielded = open("/dev/null", O_RDONLY);
	ask();
	ck_assert_uint_eq(n_questions, 0);
	scene_run_loop(scene.loops[0]);
	ck_assert_uint_eq(n_answers, 0);
	scene_run_loop(scene.loops[1]);
	ck_assert_uint_eq(n_questions, 1);
	ck_assert_uint_eq(n_answers, 0);
	scene_run_loop(scene.loops[0]);
	ck_assert_uint_eq(n_answers, 1);
	ck_assert_int_eq(answer, yielded);
	close(answer);
	scene_close();
}
END_TEST

START_TEST(a_holder_may_give_nothing)
{
	scene_open(SCENE_OPEN);
	yielded = -1;
	answer = 5;
	ask();
	scene_run();
	ck_assert_uint_eq(n_answers, 1);
	ck_assert_int_eq(answer, -1);
	scene_close();
}
END_TEST

START_TEST(nobody_hears_the_answer_to_a_forgotten_question)
{
	scene_open(SCENE_OPEN);
	yielded = open("/dev/null", O_RDONLY);
	takeover_forget(ask());
	takeover_forget(NULL);
	scene_run();
	ck_assert_uint_eq(n_questions, 1);
	ck_assert_uint_eq(n_answers, 0);
	ck_assert_int_eq(fcntl(yielded, F_GETFD), -1);
	yielded = -1;
	takeover_forget(ask());
	scene_run();
	ck_assert_uint_eq(n_answers, 0);
	scene_close();
}
END_TEST

SUITE("takeover", the_answer_comes_on_the_asker_s_worker, a_holder_may_give_nothing,
      nobody_hears_the_answer_to_a_forgotten_question)
