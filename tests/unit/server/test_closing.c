#include "server/closing.h"

#include "scene/serving_scene.h"
#include "suite.h"

static void set_flag(void *flag)
{
	*(bool *)flag = true;
}

START_TEST(a_drain_refuses_tunnels_and_ends)
{
	spore_addr control;
	bool drained = false;
	int fd, late;

	serving_begin(&control);
	fd = serving_open_tunnel(&control);
	late = sockets_dial(&control);
	serving_await(late, MESSAGE_CHALLENGE);
	server_drain(serving.server, set_flag, &drained);
	ck_assert(!drained);
	serving_say(late, &(struct message){ .type = MESSAGE_AUTHENTICATE, .text = "alice" });
	serving_say(late, &(struct message){ .type = MESSAGE_HELLO });
	serving_await_error(late, REFUSED_DRAINING);
	ck_assert(run_until(serving.main_loop, run_until_is_set, &drained));
	serving_await(fd, MESSAGE_HEARTBEAT); /* until the process ends */
	close(fd);
	serving_stop();
}
END_TEST

START_TEST(visitors_in_any_step_are_awaited)
{
	atomic_uint *const steps[] = { &scene.shared.handshakes, &scene.shared.offered,
		                       &scene.shared.passes_begun };

	scene_open(SCENE_OPEN);
	ck_assert(!closing_awaits_visitors(&scene.shared));
	for (int i = 0; i < 3; i++) {
		atomic_store(steps[i], 1);
		ck_assert(closing_awaits_visitors(&scene.shared));
		atomic_store(steps[i], 0);
	}
	ck_assert(!closing_awaits_visitors(&scene.shared));
	scene_close();
}
END_TEST

SUITE("closing", a_drain_refuses_tunnels_and_ends, visitors_in_any_step_are_awaited)
