#include "session/refuse.h"

#include "scene/server_scene.h"
#include "suite.h"

static struct server_session *begin(const char *config, int *fd_out)
{
	scene_open(config);
	*fd_out = scene_connect();
	return scene_last(LIST_NEWCOMERS);
}

START_TEST(a_refusal_is_sent_and_counted)
{
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	refuse_session(s, REFUSED_PORT_IN_USE);
	scene_run();
	scene_expect_error(fd, REFUSED_PORT_IN_USE);
	ck_assert_int_eq(scene_refusals(REFUSED_PORT_IN_USE), 1);
	ck_assert_int_eq(scene_all_refusals(), 1);
	scene_close();
}
END_TEST

START_TEST(a_refusal_with_another_s_name_is_counted_there)
{
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	refuse_session(s, REFUSED_NO_RANDOMNESS);
	scene_run();
	scene_expect_error(fd, REFUSED_NO_RANDOMNESS);
	ck_assert_int_eq(scene_refusals(REFUSED_NO_MEMORY), 1);
	scene_close();
}
END_TEST

START_TEST(a_silent_refusal_is_counted_alone)
{
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	refuse_silently(s, REFUSED_BAD_FRAME);
	scene_run();
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_BAD_FRAME), 1);
	scene_close();
}
END_TEST

START_TEST(the_end_of_what_was_let_in_is_sent_alone)
{
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	refuse_any_longer(s, REFUSED_KICKED);
	scene_run();
	scene_expect_error(fd, REFUSED_KICKED);
	ck_assert_int_eq(scene_all_refusals(), 0);
	scene_close();
}
END_TEST

START_TEST(a_reset_leaves_nothing_behind)
{
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	refuse_with_reset(s, REFUSED_CROWD);
	scene_run();
	ck_assert_int_eq(scene_hear(fd, &(struct message){ .type = 0 }), HEARD_RESET);
	ck_assert_int_eq(scene_refusals(REFUSED_CROWD), 1);
	ck_assert_uint_eq(scene.workers[0].lingerers.count, 0);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(transports_that_are_not_open_are_refused_without_a_frame)
{
	int fd;
	struct server_session *s = begin(SCENE_GREETED, &fd);

	refuse_unopened(s, LOG_ERROR, REFUSED_HANDSHAKE, "a test");
	scene_run();
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKE), 1);
	scene_close();
	s = begin(SCENE_GREETED, &fd);
	refuse_with_reset(s, REFUSED_CROWD);
	scene_run();
	ck_assert_int_eq(scene_hear(fd, &(struct message){ .type = 0 }), HEARD_RESET);
	close(fd);
	scene_close();
}
END_TEST

/* A client that has said more than was read still hears why. */
START_TEST(unread_input_does_not_swallow_the_last_words)
{
	char much[2000] = "";
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	ck_assert_int_eq(send(fd, much, sizeof much, 0), sizeof much);
	refuse_session(s, REFUSED_DRAINING);
	scene_run();
	scene_expect_error(fd, REFUSED_DRAINING);
	scene_close();
}
END_TEST

SUITE("refuse", a_refusal_is_sent_and_counted, a_refusal_with_another_s_name_is_counted_there,
      a_silent_refusal_is_counted_alone, the_end_of_what_was_let_in_is_sent_alone,
      a_reset_leaves_nothing_behind, transports_that_are_not_open_are_refused_without_a_frame,
      unread_input_does_not_swallow_the_last_words)
