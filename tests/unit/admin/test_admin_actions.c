#include "admin/admin_actions.h"

#include "log/log.h"
#include "scene/admin_scene.h"

static struct admin_scene scene;

START_TEST(kick_ends_a_tunnel)
{
	spore_addr address;
	char line[64], byte;
	int tunnel;

	admin_scene_start(&scene, "");
	tunnel = scene_open_tunnel(&scene.process, &address);
	snprintf(line, sizeof line, "kick %lld",
	         admin_scene_number(admin_scene_ask(&scene, "tunnels"), "id"));
	admin_scene_ask(&scene, line);
	ck_assert_int_eq(admin_scene_number(scene.answer, "tunnels_ended"), 1);
	admin_scene_expect(scene.answer, "\"silent_workers\": []");
	admin_scene_expect_not(scene.answer, "\"error\"");
	while (read(tunnel, &byte, 1) > 0) /* to the end of the connection */
		;
	admin_scene_ask_until(&scene, "status", "tunnels", 0);
	admin_scene_expect(admin_scene_ask(&scene, line), "no tunnel or visitor has the id ");
	close(tunnel);
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(reload_lists_what_differs)
{
	admin_scene_start(&scene, "");
	scene_write_config(&scene.process, ", \"limits\": { \"max_tunnels\": 5 }");
	admin_scene_ask(&scene, "reload");
	admin_scene_expect(scene.answer, "\"key\": \"/limits/max_tunnels\"");
	admin_scene_expect(scene.answer, "\"from\": \"0\"");
	admin_scene_expect(scene.answer, "\"to\": \"5\"");
	ck_assert_int_eq(admin_scene_number(scene.answer, "generation"), 2);
	admin_scene_ask(&scene, "reload");
	admin_scene_expect(scene.answer, "\"changes\": []");
	ck_assert_int_eq(admin_scene_number(scene.answer, "generation"), 3);
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(a_refused_reload_tells_the_mistakes)
{
	admin_scene_start(&scene, "");
	scene_write_config(&scene.process, ", \"limits\": { \"max_tunnels\": -5 }");
	admin_scene_ask(&scene, "reload");
	admin_scene_expect(scene.answer, "\"error\": \"" RELOAD_REFUSED "\"");
	admin_scene_expect(scene.answer, "/limits/max_tunnels: expected");
	admin_scene_expect(scene.answer, "\"changes\": []");
	ck_assert_int_eq(admin_scene_number(scene.answer, "generation"), 1);
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(drain_begins_once)
{
	admin_scene_start(&scene, "");
	admin_scene_ask(&scene, "drain");
	admin_scene_expect(scene.answer, "\"was_draining\": false");
	ck_assert_int_eq(admin_scene_number(scene.answer, "timeout_ms"), 5000);
	admin_scene_expect(admin_scene_ask(&scene, "drain"), "\"was_draining\": true");
	ck_assert(run_until(scene.process.runtime.main_loop, run_until_is_set,
	                    &scene.process.draining));
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(log_level_changes_the_level)
{
	admin_scene_start(&scene, ", \"log\": { \"level\": \"error\" }");
	admin_scene_ask(&scene, "log-level trace");
	admin_scene_expect(scene.answer, "\"was\": \"error\"");
	admin_scene_expect(scene.answer, "\"is\": \"trace\"");
	ck_assert_int_eq(log_get_level(), LOG_TRACE);
	admin_scene_ask(&scene, "log-level loud");
	admin_scene_expect(scene.answer, "expected trace, debug, info, warn or error, found loud");
	ck_assert_int_eq(log_get_level(), LOG_TRACE);
	admin_scene_stop(&scene);
}
END_TEST

SUITE("admin_actions", kick_ends_a_tunnel, reload_lists_what_differs,
      a_refused_reload_tells_the_mistakes, drain_begins_once, log_level_changes_the_level)
