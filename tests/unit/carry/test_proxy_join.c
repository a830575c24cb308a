#include "carry/proxy_join.h"

#include "scene/proxy_scene.h"
#include "suite.h"

START_TEST(bytes_go_both_ways_until_both_ends_close)
{
	struct proxy_scene scene;
	int server, service;

	proxy_scene_open(&scene, NULL);
	proxy_scene_start(&scene);
	server = client_scene_accept(scene.base.server);
	service = client_scene_accept(scene.base.service);
	client_scene_expect(server, PROXY_SCENE_ACCEPT);
	proxy_scene_check_relayed(server, service, "from the visitor");
	proxy_scene_check_relayed(service, server, "from the service");
	ck_assert(client_scene_count(&scene.base, "spore_relays", NULL) == 1);
	close(server);
	client_scene_expect_end(service);
	proxy_scene_wait_carried(&scene, 1); /* the other direction is open still */
	close(service);
	proxy_scene_wait_carried(&scene, 0);
	ck_assert(client_scene_count(&scene.base, "spore_relays", NULL) == 0);
	ck_assert(proxy_scene_failures(&scene, NULL) == 0);
	proxy_scene_close(&scene);
}
END_TEST

/* The visitor has gone, so the connection is free for the next one. */
START_TEST(a_framed_visitor_leaves_the_connection_open)
{
	struct proxy_scene scene;
	int ahead;

	proxy_scene_open(&scene, NULL);
	scene.most_kept = 5;
	ahead = proxy_scene_open_ahead(&scene);
	proxy_scene_carry_at_once(&scene, ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
	ck_assert(client_scene_is_left_alone(ahead, 20)); /* neither bytes nor an end */
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &scene.pool.lent), 0);
	close(ahead);
	proxy_scene_close(&scene);
}
END_TEST

SUITE("proxy_join", bytes_go_both_ways_until_both_ends_close,
      a_framed_visitor_leaves_the_connection_open)
