#include "carry/proxy.h"

#include "scene/proxy_scene.h"
#include "suite.h"

START_TEST(as_many_dial_as_may_and_the_rest_wait_their_turn)
{
	struct proxy_scene scene;
	int wires[3];

	proxy_scene_open(&scene, "s3cret");
	proxy_scene_worker(&scene)->max_dialling = 1;
	for (int i = 0; i < 3; i++)
		proxy_scene_start(&scene);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &proxy_scene_worker(&scene)->n_dialling), 1);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &proxy_scene_worker(&scene)->n_waiting), 2);
	proxy_scene_wait_carried(&scene, 3);
	for (int i = 0; i < 3; i++) {
		wires[i] = client_scene_accept(scene.base.server);
		ck_assert(i == 2 || client_scene_is_left_alone(scene.base.server, 5));
		close(wires[i]);
		proxy_scene_wait_carried(&scene, 2 - (unsigned)i);
		proxy_scene_expect_declined(&scene);
	}
	ck_assert(proxy_scene_failures(&scene, "server") == 3);
	proxy_scene_close(&scene);
}
END_TEST

START_TEST(relays_take_the_place_of_dials_when_descriptors_are_short)
{
	struct proxy_scene scene;
	int server, service;

	proxy_scene_open(&scene, NULL);
	proxy_scene_worker(&scene)->max_carried = 1;
	proxy_scene_start(&scene);
	server = client_scene_accept(scene.base.server);
	service = client_scene_accept(scene.base.service);
	client_scene_expect(server, PROXY_SCENE_ACCEPT);
	proxy_scene_check_relayed(server, service, "x");
	proxy_scene_start(&scene);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &proxy_scene_worker(&scene)->n_waiting), 1);
	ck_assert(client_scene_is_left_alone(scene.base.server, 5));
	close(server);
	close(service);
	server = client_scene_accept(scene.base.server);
	client_scene_expect(server, PROXY_SCENE_ACCEPT);
	close(server);
	proxy_scene_close(&scene);
}
END_TEST

static void run_flood(void *arg)
{
	for (int i = 0; i < 4096 + 1 + 3; i++)
		proxy_scene_run_start(arg);
}

START_TEST(queue_is_bounded)
{
	struct proxy_scene scene;

	proxy_scene_open(&scene, "s3cret");
	proxy_scene_worker(&scene)->max_dialling = 1;
	client_scene_call(&scene.base, run_flood, &scene);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &proxy_scene_worker(&scene)->n_dialling), 1);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &proxy_scene_worker(&scene)->n_waiting),
	                  4096);
	ck_assert(proxy_scene_failures(&scene, "queue") == 3);
	proxy_scene_wait_carried(&scene, 4096 + 1);
	for (int i = 0; i < 3; i++)
		proxy_scene_expect_declined(&scene);
	client_scene_call(&scene.base, proxy_scene_run_stop_all, &scene);
	proxy_scene_wait_carried(&scene, 0);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &proxy_scene_worker(&scene)->n_waiting), 0);
	proxy_scene_close(&scene);
}
END_TEST

/* Nothing else happens meanwhile. */
START_TEST(who_waits_too_long_for_a_descriptor_is_declined)
{
	struct proxy_scene scene;
	int server, service;

	proxy_scene_open(&scene, NULL);
	client_scene_call(&scene.base, proxy_scene_run_shorten_waits, &scene);
	proxy_scene_worker(&scene)->max_carried = 1;
	proxy_scene_start(&scene);
	server = client_scene_accept(scene.base.server);
	service = client_scene_accept(scene.base.service);
	client_scene_expect(server, PROXY_SCENE_ACCEPT);
	proxy_scene_check_relayed(server, service, "x");
	proxy_scene_start(&scene);
	proxy_scene_expect_declined(&scene);
	proxy_scene_wait_carried(&scene, 1);
	ck_assert(proxy_scene_failures(&scene, "descriptors") == 1);
	ck_assert(proxy_scene_failures(&scene, NULL) == 1);
	close(server);
	close(service);
	proxy_scene_wait_carried(&scene, 0);
	proxy_scene_close(&scene);
}
END_TEST

START_TEST(who_waits_too_long_for_a_turn_is_declined)
{
	struct proxy_scene scene;

	proxy_scene_open(&scene, "s3cret");
	client_scene_call(&scene.base, proxy_scene_run_shorten_waits, &scene);
	proxy_scene_worker(&scene)->max_dialling = 1;
	proxy_scene_start(&scene);
	proxy_scene_start(&scene);
	proxy_scene_expect_declined(&scene);
	ck_assert(proxy_scene_failures(&scene, "queue") == 1);
	ck_assert(proxy_scene_failures(&scene, NULL) == 1);
	client_scene_call(&scene.base, proxy_scene_run_stop_all, &scene);
	proxy_scene_wait_carried(&scene, 0);
	proxy_scene_close(&scene);
}
END_TEST

/* The server passes on what it gets only once it has the answer. */
START_TEST(a_visitor_that_is_handed_over_is_taken_once_the_service_is_reached)
{
	struct proxy_scene scene;
	int ahead, filler, service;
	char text[300];

	proxy_scene_open(&scene, NULL);
	ahead = proxy_scene_open_ahead(&scene);
	ck_assert_int_eq(listen(scene.base.service, 0), 0);
	filler = sockets_dial(&scene.base.service_addr);
	client_scene_send(ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
	proxy_scene_send_bytes(ahead, "\1\0\0\5first", 9);
	ck_assert(client_scene_is_left_alone(ahead, 30));
	ck_assert(client_scene_count(&scene.base, "spore_relays", NULL) == 0);
	proxy_scene_wait_carried(&scene, 1);
	ck_assert(proxy_scene_visitors(&scene) == 1);
	close(client_scene_accept(scene.base.service)); /* the filler */
	service = client_scene_accept(scene.base.service);
	proxy_scene_expect_bytes(service, "first", 5);
	client_scene_expect(ahead, "\"Opened\"");
	proxy_scene_check_carried(ahead, service);
	ck_assert_int_eq(proxy_scene_note(&scene, CLIENT_SCENE_UUID, TAKEN_ANNOUNCED),
	                 TAKEN_OPENED);
	close(ahead);
	client_scene_read(service, text);
	close(service);
	close(filler);
	proxy_scene_wait_carried(&scene, 0);
	proxy_scene_close(&scene);
}
END_TEST

/* Once the connection is free again, the server knows that the client has had the visitor. */
START_TEST(one_visitor_after_another_is_handed_over)
{
	static const char *const opens[] = { PROXY_SCENE_OPEN(CLIENT_SCENE_UUID),
		                             PROXY_SCENE_OPEN(PROXY_SCENE_OTHER),
		                             PROXY_SCENE_OPEN(CLIENT_SCENE_UUID) };
	struct proxy_scene scene;
	int ahead, service;

	proxy_scene_open(&scene, NULL);
	scene.most_kept = 5;
	ahead = proxy_scene_open_ahead(&scene);
	for (size_t i = 0; i < 3; i++)
		proxy_scene_carry_at_once(&scene, ahead,
		                          opens[i]); /* no other one is dialled meanwhile */
	ck_assert_int_eq(proxy_scene_note(&scene, PROXY_SCENE_OTHER, TAKEN_ANNOUNCED), TAKEN_NOT);
	ck_assert(proxy_scene_visitors(&scene) == 3);
	ck_assert(proxy_scene_failures(&scene, NULL) == 0);
	proxy_scene_start(&scene); /* a visitor may also be asked for there */
	client_scene_expect_start(ahead, "{\"Carry\":");
	service = client_scene_accept(scene.base.service);
	close(ahead);
	close(service);
	client_scene_call(&scene.base, proxy_scene_run_stop_all, &scene);
	proxy_scene_wait_carried(&scene, 0);
	proxy_scene_close(&scene);
}
END_TEST

/* Its connection is closed, so the server announces it, and hears what the client knows. */
START_TEST(a_visitor_that_has_come_before_is_not_taken)
{
	static const enum taken_as ways[] = { TAKEN_OPENED, TAKEN_ANNOUNCED };

	for (int i = 0; i < 2; i++) {
		struct proxy_scene scene;
		int ahead;

		proxy_scene_open(&scene, NULL);
		ck_assert_int_eq(proxy_scene_note(&scene, CLIENT_SCENE_UUID, ways[i]), TAKEN_NOT);
		ahead = proxy_scene_open_ahead(&scene);
		client_scene_send(ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
		client_scene_expect_end(ahead);
		ck_assert(client_scene_is_left_alone(scene.base.service, 30));
		proxy_scene_wait_carried(&scene, 0);
		ck_assert(proxy_scene_visitors(&scene) == 0);
		ck_assert_int_eq(proxy_scene_note(&scene, CLIENT_SCENE_UUID, TAKEN_OPENED),
		                 ways[i]);
		close(ahead);
		proxy_scene_close(&scene);
	}
}
END_TEST

/* A visitor that cannot be set up at once is not taken: it may still be announced. */
START_TEST(a_visitor_is_not_taken_without_descriptors_or_a_service)
{
	for (int i = 0; i < 2; i++) {
		struct proxy_scene scene;
		int ahead;

		proxy_scene_open(&scene, NULL);
		ahead = proxy_scene_open_ahead(&scene);
		if (i)
			proxy_scene_worker(&scene)->max_carried = 0;
		else
			scene.pool.lacks_service = true;
		client_scene_send(ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
		client_scene_expect_end(ahead);
		ck_assert(client_scene_is_left_alone(scene.base.service, 30));
		ck_assert_int_eq(proxy_scene_note(&scene, CLIENT_SCENE_UUID, TAKEN_ANNOUNCED),
		                 TAKEN_NOT);
		ck_assert(proxy_scene_visitors(&scene) == 0);
		proxy_scene_wait_carried(&scene, 0);
		close(ahead);
		proxy_scene_close(&scene);
	}
}
END_TEST

/* The server finds the connection lost, and announces the visitor again. */
START_TEST(a_visitor_that_is_handed_over_goes_back_without_the_service)
{
	struct proxy_scene scene;
	int ahead;

	proxy_scene_open(&scene, NULL);
	ahead = proxy_scene_open_ahead(&scene);
	close(scene.base.service);
	scene.base.service = -1;
	client_scene_send(ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
	client_scene_expect_end(ahead);
	proxy_scene_wait_carried(&scene, 0);
	/* It is counted when the server hears of it. */
	ck_assert(proxy_scene_failures(&scene, "service") == 0);
	ck_assert_int_eq(proxy_scene_note(&scene, CLIENT_SCENE_UUID, TAKEN_ANNOUNCED), TAKEN_NOT);
	close(ahead);
	proxy_scene_close(&scene);
}
END_TEST

static void run_make_room(void *arg)
{
	struct client_worker *worker = proxy_scene_worker(arg);

	worker->max_dialling = 1;
	loop_at_turn_end(worker->loop, &worker->start_waiting);
}

START_TEST(a_visitor_that_is_handed_over_may_be_queued)
{
	struct proxy_scene scene;
	int ahead, service;

	proxy_scene_open(&scene, NULL);
	ahead = proxy_scene_open_ahead(&scene);
	proxy_scene_worker(&scene)->max_dialling = 0;
	client_scene_send(ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
	proxy_scene_wait_carried(&scene, 1);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &proxy_scene_worker(&scene)->n_waiting), 1);
	ck_assert(client_scene_is_left_alone(scene.base.service, 30));
	client_scene_call(&scene.base, run_make_room, &scene);
	service = client_scene_accept(scene.base.service);
	client_scene_expect(ahead, "\"Opened\"");
	proxy_scene_check_carried(ahead, service);
	close(ahead);
	close(service);
	proxy_scene_wait_carried(&scene, 0);
	proxy_scene_close(&scene);
}
END_TEST

START_TEST(a_visitor_that_waits_too_long_for_its_turn_ends)
{
	struct proxy_scene scene;
	int ahead;

	proxy_scene_open(&scene, NULL);
	client_scene_call(&scene.base, proxy_scene_run_shorten_waits, &scene);
	ahead = proxy_scene_open_ahead(&scene);
	proxy_scene_worker(&scene)->max_dialling = 0;
	client_scene_send(ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
	client_scene_expect_end(ahead);
	proxy_scene_wait_carried(&scene, 0);
	ck_assert(proxy_scene_failures(&scene, "queue") == 1);
	close(ahead);
	proxy_scene_close(&scene);
}
END_TEST

/* Both visitors are served: the one that was asked for is asked for again elsewhere. */
START_TEST(a_handover_that_crosses_a_request_costs_no_visitor)
{
	struct proxy_scene scene;
	int ahead, services[2], wire;
	char text[300];

	proxy_scene_open(&scene, NULL);
	scene.most_kept = 5;
	ahead = proxy_scene_open_ahead(&scene);
	proxy_scene_start(&scene);
	client_scene_send(ahead, PROXY_SCENE_OPEN(PROXY_SCENE_OTHER));
	client_scene_expect_start(ahead, "{\"Carry\":{\"id\":\"" CLIENT_SCENE_UUID "\"");
	client_scene_expect(ahead, "\"Opened\"");
	for (int i = 0; i < 2; i++)
		services[i] = client_scene_accept(scene.base.service);
	do { /* one connection replaces the one that is used */
		wire = client_scene_accept(scene.base.server);
	} while (strncmp(client_scene_read(wire, text), "{\"Carry\":", 9) != 0);
	client_scene_send(wire, "\"Accepted\"");
	proxy_scene_check_carried(wire, services[0]); /* it was dialled first */
	proxy_scene_check_carried(ahead, services[1]);
	proxy_scene_wait_carried(&scene, 2);
	ck_assert(proxy_scene_failures(&scene, NULL) == 0);
	for (int i = 0; i < 2; i++)
		close(services[i]);
	close(ahead);
	close(wire);
	proxy_scene_wait_carried(&scene, 0);
	proxy_scene_close(&scene);
}
END_TEST

SUITE("proxy", as_many_dial_as_may_and_the_rest_wait_their_turn,
      relays_take_the_place_of_dials_when_descriptors_are_short, queue_is_bounded,
      who_waits_too_long_for_a_descriptor_is_declined, who_waits_too_long_for_a_turn_is_declined,
      a_visitor_that_is_handed_over_is_taken_once_the_service_is_reached,
      one_visitor_after_another_is_handed_over, a_visitor_that_has_come_before_is_not_taken,
      a_visitor_is_not_taken_without_descriptors_or_a_service,
      a_visitor_that_is_handed_over_goes_back_without_the_service,
      a_visitor_that_is_handed_over_may_be_queued, a_visitor_that_waits_too_long_for_its_turn_ends,
      a_handover_that_crosses_a_request_costs_no_visitor)
