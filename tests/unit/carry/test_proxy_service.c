#include "carry/proxy_service.h"

#include "scene/proxy_scene.h"
#include "suite.h"

START_TEST(visitor_sees_an_orderly_end_when_the_service_is_down)
{
	struct proxy_scene scene;
	int server;

	proxy_scene_open(&scene, NULL);
	close(scene.base.service);
	scene.base.service = -1;
	proxy_scene_start(&scene);
	server = client_scene_accept(scene.base.server);
	client_scene_expect(server, PROXY_SCENE_ACCEPT);
	ck_assert_int_eq(recv(server, &(char){ 0 }, 1, 0), 0); /* no reset */
	proxy_scene_wait_carried(&scene, 0);
	ck_assert(proxy_scene_failures(&scene, "service") == 1);
	close(server);
	proxy_scene_close(&scene);
}
END_TEST

/* The server, which is slow here, need not be reached: it ends the visitor itself. */
START_TEST(a_server_that_reads_it_hears_that_the_service_is_down)
{
	struct proxy_scene scene;
	int filler;

	proxy_scene_open(&scene, NULL);
	ck_assert_int_eq(listen(scene.base.server, 0), 0);
	filler = sockets_dial(&scene.base.server_addr);
	decline_on(&scene.decliner, &scene.link, true);
	close(scene.base.service);
	scene.base.service = -1;
	proxy_scene_start(&scene);
	client_scene_expect(scene.control, "{\"Unserved\":\"" CLIENT_SCENE_UUID "\"}");
	proxy_scene_wait_carried(&scene, 0);
	ck_assert(proxy_scene_failures(&scene, "service") == 1);
	close(filler);
	proxy_scene_close(&scene);
}
END_TEST

/* The server can be told however long the service's name takes to fail. */
START_TEST(the_service_comes_first_after_a_visitor_without_it)
{
	struct proxy_scene scene;

	proxy_scene_open(&scene, NULL);
	decline_on(&scene.decliner, &scene.link, true);
	scene.pool.lacks_service = true;
	close(scene.base.service);
	scene.base.service = -1;
	proxy_scene_start(&scene);
	client_scene_expect(scene.control, "{\"Unserved\":\"" CLIENT_SCENE_UUID "\"}");
	proxy_scene_wait_carried(&scene, 0);
	ck_assert(scene.pool.lacks_service);
	ck_assert(client_scene_is_left_alone(scene.base.server, 100));
	proxy_scene_close(&scene);
}
END_TEST

START_TEST(a_service_that_is_back_gets_its_visitor)
{
	struct proxy_scene scene;
	int server, service;

	proxy_scene_open(&scene, NULL);
	decline_on(&scene.decliner, &scene.link, true);
	scene.pool.lacks_service = true;
	proxy_scene_start(&scene);
	server = client_scene_accept(scene.base.server);
	client_scene_expect(server, PROXY_SCENE_ACCEPT);
	service = client_scene_accept(scene.base.service);
	proxy_scene_check_relayed(server, service, "ping");
	close(server);
	close(service);
	proxy_scene_wait_carried(&scene, 0);
	ck_assert(!scene.pool.lacks_service);
	proxy_scene_close(&scene);
}
END_TEST

SUITE("proxy_service", visitor_sees_an_orderly_end_when_the_service_is_down,
      a_server_that_reads_it_hears_that_the_service_is_down,
      the_service_comes_first_after_a_visitor_without_it, a_service_that_is_back_gets_its_visitor)
