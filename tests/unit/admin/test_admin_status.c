#include "admin/admin_status.h"

#include "scene/admin_scene.h"
#include "version.h"

static struct admin_scene scene;

START_TEST(a_server_that_serves)
{
	char control[64];

	admin_scene_start(&scene, ", \"log\": { \"level\": \"warn\" }");
	admin_scene_ask(&scene, "status");
	snprintf(control, sizeof control, "\"control_port\": \"127.0.0.1:%u\"",
	         scene.process.control.port);
	admin_scene_expect(scene.answer, control);
	admin_scene_expect(scene.answer, "\"version\": \"" SPORE_VERSION "\"");
	admin_scene_expect(scene.answer, "\"state\": \"serving\"");
	admin_scene_expect(scene.answer, "\"log_level\": \"warn\"");
	admin_scene_expect(scene.answer, "\"silent_workers\": []");
	admin_scene_expect(scene.answer, "\"dates\": []");
	admin_scene_expect(scene.answer, "\"last_reload\": null");
	ck_assert_int_eq(admin_scene_number(scene.answer, "pid"), getpid());
	ck_assert_int_eq(admin_scene_number(scene.answer, "workers"), SCENE_WORKERS);
	ck_assert_int_eq(admin_scene_number(scene.answer, "generation"), 1);
	ck_assert_int_eq(admin_scene_number(scene.answer, "tunnels"), 0);
	ck_assert_int_eq(admin_scene_number(scene.answer, "strangers"), 0);
	ck_assert_int_gt(admin_scene_number(scene.answer, "memory"), 0);
	ck_assert_int_gt(admin_scene_number(scene.answer, "descriptors"), 0);
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(its_figures_follow_what_happens)
{
	spore_addr address;
	int stranger, tunnel, visitor;

	admin_scene_start(&scene, "");
	stranger = sockets_dial(&scene.process.control);
	admin_scene_ask_until(&scene, "status", "strangers", 1);
	tunnel = scene_open_tunnel(&scene.process, &address);
	admin_scene_ask_until(&scene, "status", "tunnels", 1);
	visitor = sockets_dial(&address);
	admin_scene_ask_until(&scene, "status", "waiting", 1);
	admin_scene_ask_until(&scene, "status", "visitors",
	                      1); /* the answer is not of one moment */
	ck_assert_int_eq(admin_scene_number(scene.answer, "visitors_all"), 1);
	ck_assert_int_eq(admin_scene_number(scene.answer, "relays"), 0);
	ck_assert_int_gt(admin_scene_number(scene.answer, "max_visitors"), 1);
	admin_scene_expect(scene.answer, "\"max_visitors_from\": \"descriptors\"");
	close(visitor);
	close(tunnel);
	close(stranger);
	admin_scene_ask_until(&scene, "status", "tunnels", 0);
	admin_scene_ask_until(&scene, "status", "strangers", 0);
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(a_server_that_drains)
{
	admin_scene_start(&scene, "");
	admin_scene_ask(&scene, "drain");
	ck_assert(run_until(scene.process.runtime.main_loop, run_until_is_set,
	                    &scene.process.draining));
	admin_scene_expect(admin_scene_ask(&scene, "status"), "\"state\": \"draining\"");
	admin_scene_stop(&scene);
}
END_TEST

SUITE("admin_status", a_server_that_serves, its_figures_follow_what_happens, a_server_that_drains)
