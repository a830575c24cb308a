#include "server/rollout.h"

#include "loop/survey.h"
#include "scene/serving_scene.h"
#include "suite.h"

static void note_taken(struct survey *survey, void *flag)
{
	for (unsigned i = 0; i < SCENE_WORKERS; i++)
		ck_assert_ptr_nonnull(survey_answer(survey, i));
	*(bool *)flag = true;
}

/* Made while no thread runs the loops. */
START_TEST(another_configuration_may_move_the_port)
{
	spore_addr first, second;
	struct err err = { "" };
	struct plugin_set *other;
	bool has_moved = false;
	int fd, newer, taken;

	serving_config(0, &first);
	serving_config(1, &second);
	scene_init();
	serving.main_loop = loop_new(SCENE_WORKERS, &err);
	other = scene_set(serving.configs[1]);
	ck_assert_msg(serving_start(serving.configs[0], &err), "%s", err.text);
	fd = serving_open_tunnel(&first);
	/* It cannot move to a port that is taken; nothing changes. */
	taken = socket(AF_INET, SOCK_STREAM, 0);
	{
		struct sockaddr_storage sa;
		socklen_t len = addr_to_sockaddr(&second, &sa);

		ck_assert_int_eq(bind(taken, (struct sockaddr *)&sa, len), 0);
		ck_assert_int_eq(listen(taken, 1), 0);
	}
	ck_assert_ptr_null(server_renew(serving.server, other, 10000, note_taken, NULL, &err));
	newer = serving_open_tunnel(&first);
	close(newer);
	close(taken);
	ck_assert_msg(server_renew(serving.server, other, 10000, note_taken, &has_moved, &err) !=
	                      NULL,
	              "%s", err.text);
	ck_assert(run_until(serving.main_loop, run_until_is_set, &has_moved));
	newer = serving_open_tunnel(&second);
	close(newer);
	serving_await(fd, MESSAGE_HEARTBEAT); /* the tunnel that was there stays */
	close(fd);
	serving_stop();
}
END_TEST

SUITE("rollout", another_configuration_may_move_the_port)
