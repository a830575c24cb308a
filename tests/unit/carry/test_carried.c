#include "carry/carried.h"

#include "scene/proxy_scene.h"
#include "suite.h"

/* The counts of the worker for its tunnel, which spore ctl shows. */
START_TEST(bytes_and_visitors_are_counted)
{
	struct proxy_scene scene;
	int server, service;

	proxy_scene_open(&scene, NULL);
	proxy_scene_start(&scene);
	server = client_scene_accept(scene.base.server);
	service = client_scene_accept(scene.base.service);
	client_scene_expect(server, PROXY_SCENE_ACCEPT);
	proxy_scene_check_relayed(server, service, "four");
	proxy_scene_check_relayed(service, server, "seven..");
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &scene.pool.tally.now), 1);
	close(server);
	close(service);
	proxy_scene_wait_carried(&scene, 0);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &scene.pool.tally.now), 0);
	ck_assert_uint_eq(scene.pool.tally.visitors, 1);
	ck_assert_uint_eq(scene.pool.tally.up, 4);
	ck_assert_uint_eq(scene.pool.tally.down, 7);
	proxy_scene_close(&scene);
}
END_TEST

SUITE("carried", bytes_and_visitors_are_counted)
