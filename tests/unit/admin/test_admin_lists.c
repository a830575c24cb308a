#include "admin/admin_lists.h"

#include "scene/admin_scene.h"

static struct admin_scene scene;

/* Takes the visitor of the next Connection message over, as bore's client does. */
static int accept_visitor(int tunnel)
{
	char message[128] = "", id[64] = "", accept[128];
	int fd = sockets_dial(&scene.process.control), len;

	do {
		for (size_t i = 0; i == 0 || message[i - 1] != '\0'; i++)
			ck_assert_int_eq(read(tunnel, message + i, 1), 1);
	} while (sscanf(message, "{\"Connection\":\"%63[^\"]\"}", id) != 1);
	len = snprintf(accept, sizeof accept, "{\"Accept\":\"%s\"}", id);
	ck_assert_int_eq(write(fd, accept, (size_t)len + 1), len + 1);
	return fd;
}

START_TEST(tunnels_are_listed_by_age)
{
	spore_addr first, second;
	const char *answer, *next;
	int tunnels[2];
	char port[32];

	admin_scene_start(&scene, "");
	ck_assert_int_eq(admin_scene_number(admin_scene_ask(&scene, "tunnels"), "all"), 0);
	admin_scene_expect(scene.answer, "\"tunnels\": []");
	tunnels[0] = scene_open_tunnel(&scene.process, &first);
	tunnels[1] = scene_open_tunnel(&scene.process, &second);
	answer = admin_scene_ask(&scene, "tunnels");
	ck_assert_int_eq(admin_scene_number(answer, "all"), 2);
	ck_assert_int_eq(admin_scene_number(answer, "port"), first.port);
	snprintf(port, sizeof port, "\"port\": %u,", second.port);
	admin_scene_expect(answer, port);
	next = strstr(strstr(answer, "\"id\":") + 1, "\"id\":");
	ck_assert_int_lt(admin_scene_number(answer, "id"), admin_scene_number(next, "id"));
	admin_scene_expect(answer, "\"client\": \"127.0.0.1:");
	admin_scene_expect(answer, "\"heartbeats\": false");
	admin_scene_expect(answer, "\"name\": null");
	admin_scene_expect(answer, "\"hosts\": []");
	admin_scene_expect(answer, "\"tags\": {}");
	admin_scene_expect(answer, "\"silent_workers\": []");
	close(tunnels[0]);
	close(tunnels[1]);
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(relays_are_listed_with_their_tunnel)
{
	spore_addr address;
	int tunnel, visitor, data;
	long long id;
	char byte;

	admin_scene_start(&scene, "");
	tunnel = scene_open_tunnel(&scene.process, &address);
	visitor = sockets_dial(&address);
	data = accept_visitor(tunnel);
	ck_assert_int_eq(write(visitor, "x", 1), 1);
	ck_assert_int_eq(read(data, &byte, 1), 1);
	id = admin_scene_number(admin_scene_ask_until(&scene, "tunnels", "visitors", 1), "id");
	admin_scene_ask_until(&scene, "relays", "all", 1);
	ck_assert_int_eq(admin_scene_number(scene.answer, "tunnel"), id);
	ck_assert_int_eq(admin_scene_number(scene.answer, "port"), address.port);
	ck_assert_int_ne(admin_scene_number(scene.answer, "id"), id);
	ck_assert_int_ge(admin_scene_number(scene.answer, "idle_ms"), 0);
	admin_scene_expect(scene.answer, "\"visitor\": \"127.0.0.1:");
	close(data);
	close(visitor);
	admin_scene_ask_until(&scene, "relays", "all", 0);
	close(tunnel);
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(loops_are_the_workers_and_main)
{
	const char *answer;
	size_t n = 0;

	admin_scene_start(&scene, "");
	admin_scene_ask(&scene, "status"); /* at least one turn of main */
	run_for(scene.process.runtime.main_loop, 2);
	answer = admin_scene_ask(&scene, "loops");
	for (const char *at = answer; (at = strstr(at, "\"answers\": true")) != NULL; at++)
		n++;
	ck_assert_uint_eq(n, SCENE_WORKERS);
	admin_scene_expect(answer, "\"main\": {");
	ck_assert_int_ge(admin_scene_number(answer, "waited_us"), 0);
	ck_assert_int_gt(admin_scene_number(strstr(answer, "\"main\""), "turns"), 0);
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(plugins_are_instances_and_files)
{
	admin_scene_start(
		&scene,
		", \"auth\": [{ \"use\": \"hmac\", \"name\": \"ours\", \"secret\": \"s\" }]");
	admin_scene_ask(&scene, "plugins");
	ck_assert_int_eq(admin_scene_number(scene.answer, "generation"), 1);
	ck_assert_int_eq(admin_scene_number(scene.answer, "generations_alive"), 1);
	admin_scene_expect(scene.answer, "\"kind\": \"auth\"");
	admin_scene_expect(scene.answer, "\"name\": \"ours\"");
	admin_scene_expect(scene.answer, "\"component\": \"hmac\"");
	admin_scene_expect(scene.answer, "\"file\": \"" PLUGIN_DIR "/auth_hmac.so\"");
	admin_scene_expect(scene.answer, "\"digest\": \"sha256:");
	admin_scene_expect_not(scene.answer, "\"secret\"");
	admin_scene_stop(&scene);
}
END_TEST

SUITE("admin_lists", tunnels_are_listed_by_age, relays_are_listed_with_their_tunnel,
      loops_are_the_workers_and_main, plugins_are_instances_and_files)
