#include "carry/origin.h"

#include <errno.h>

#include "scene/proxy_scene.h"
#include "suite.h"

/* A visitor that is handed over, and whose Opened waits for the service. Returns the connection to
 * the server. */
static int open_held(struct proxy_scene *scene)
{
	int ahead;

	proxy_scene_open(scene, NULL);
	scene->most_kept = 5;
	client_scene_call(&scene->base, proxy_scene_run_hold_for_long, scene);
	ahead = proxy_scene_open_ahead(scene);
	client_scene_send(ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
	proxy_scene_send_bytes(ahead, "\1\0\0\5first", 9);
	proxy_scene_wait_carried(scene, 1);
	return ahead;
}

/* The same; the service has the visitor's first bytes. */
static int serve_held(struct proxy_scene *scene, int *service_out)
{
	int ahead = open_held(scene);

	*service_out = client_scene_accept(scene->base.service);
	proxy_scene_expect_bytes(*service_out, "first", 5);
	ck_assert(client_scene_is_left_alone(ahead, 20));
	return ahead;
}

/* All of it has come at once. */
static void expect_one_write(int fd, const char *bytes, size_t len)
{
	char got[64];

	ck_assert_int_eq(recv(fd, got, sizeof got, 0), (ssize_t)len);
	ck_assert_mem_eq(got, bytes, len);
}

START_TEST(opened_leaves_with_the_services_first_bytes)
{
	struct proxy_scene scene;
	int service, ahead = serve_held(&scene, &service);

	proxy_scene_send_bytes(service, "answer", 6);
	expect_one_write(ahead, "\"Opened\"\0\1\0\0\6answer", 19);
	proxy_scene_check_carried(ahead, service);
	proxy_scene_end_carried(ahead, service);
	proxy_scene_wait_carried(&scene, 0);
	close(ahead);
	proxy_scene_close(&scene);
}
END_TEST

START_TEST(opened_leaves_with_the_services_end)
{
	struct proxy_scene scene;
	int service, ahead = serve_held(&scene, &service);

	close(service);
	expect_one_write(ahead, "\"Opened\"\0\2\0\0\0", 13);
	proxy_scene_send_bytes(ahead, "\2\0\0\0", 4);
	proxy_scene_wait_carried(&scene, 0);
	scene.idle = 1; /* the connection is free again */
	ck_assert(client_scene_wait(&scene.base, proxy_scene_has_idle, &scene));
	close(ahead);
	proxy_scene_close(&scene);
}
END_TEST

/* It may wait for what the visitor says next, which the server has kept. */
START_TEST(opened_does_not_wait_long_for_a_silent_service)
{
	struct proxy_scene scene;
	int service, ahead;

	proxy_scene_open(&scene, NULL);
	ahead = proxy_scene_open_ahead(&scene);
	client_scene_send(ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
	proxy_scene_send_bytes(ahead, "\1\0\0\5first", 9);
	service = client_scene_accept(scene.base.service);
	proxy_scene_expect_bytes(service, "first", 5);
	client_scene_expect(ahead, "\"Opened\"");
	proxy_scene_check_carried(ahead, service);
	close(ahead);
	close(service);
	proxy_scene_wait_carried(&scene, 0);
	proxy_scene_close(&scene);
}
END_TEST

START_TEST(after_a_hold_in_vain_some_visitors_have_none)
{
	struct proxy_scene scene;
	int service, ahead;

	proxy_scene_open(&scene, NULL);
	scene.most_kept = 5;
	ahead = proxy_scene_open_ahead(&scene);
	proxy_scene_carry_at_once(&scene, ahead,
	                          PROXY_SCENE_OPEN(CLIENT_SCENE_UUID)); /* after the hold */
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &scene.pool.until_holds), 2);
	client_scene_call(&scene.base, proxy_scene_run_hold_for_long, &scene);
	proxy_scene_carry_at_once(&scene, ahead, PROXY_SCENE_OPEN(PROXY_SCENE_OTHER));
	proxy_scene_carry_at_once(&scene, ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
	client_scene_send(ahead, PROXY_SCENE_OPEN(PROXY_SCENE_OTHER));
	service = client_scene_accept(scene.base.service);
	ck_assert(client_scene_is_left_alone(ahead, 20));
	proxy_scene_send_bytes(service, "answer", 6);
	expect_one_write(ahead, "\"Opened\"\0\1\0\0\6answer", 19);
	proxy_scene_end_carried(ahead, service);
	proxy_scene_wait_carried(&scene, 0);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &scene.pool.vain_holds), 0);
	close(ahead);
	proxy_scene_close(&scene);
}
END_TEST

/* The server keeps what is more than these bytes until it has Opened. */
START_TEST(opened_does_not_wait_if_the_first_bytes_are_as_many_as_may_be)
{
	static char first[LANE_FIRST_MOST];
	uint8_t header[LANE_HEADER];
	struct proxy_scene scene;
	int service, ahead;

	proxy_scene_open(&scene, NULL);
	client_scene_call(&scene.base, proxy_scene_run_hold_for_long, &scene);
	ahead = proxy_scene_open_ahead(&scene);
	client_scene_send(ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
	lane_put_data_header(header, sizeof first);
	proxy_scene_send_bytes(ahead, (const char *)header, sizeof header);
	proxy_scene_send_bytes(ahead, first, sizeof first);
	client_scene_expect(ahead, "\"Opened\"");
	service = client_scene_accept(scene.base.service);
	ck_assert_int_eq(recv(service, first, sizeof first, MSG_WAITALL), (ssize_t)sizeof first);
	proxy_scene_check_carried(ahead, service);
	close(ahead);
	close(service);
	proxy_scene_wait_carried(&scene, 0);
	proxy_scene_close(&scene);
}
END_TEST

/* The server announces the visitor. The client remembers it, since the service may have its bytes.
 */
START_TEST(a_visitor_whose_connection_is_lost_before_opened_is_remembered)
{
	struct proxy_scene scene;
	int service, ahead = serve_held(&scene, &service);
	char text[300];

	sockets_reset(ahead);
	ck_assert_int_le(recv(service, text, sizeof text, 0), 0); /* the visitor is over there */
	proxy_scene_wait_carried(&scene, 0);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &scene.pool.lent), 0);
	ck_assert_int_eq(proxy_scene_note(&scene, CLIENT_SCENE_UUID, TAKEN_ANNOUNCED),
	                 TAKEN_OPENED);
	close(service);
	proxy_scene_close(&scene);
}
END_TEST

/* Otherwise the server would believe that the connection was lost on its way. */
START_TEST(opened_leaves_before_the_reset_of_the_service)
{
	struct proxy_scene scene;
	int service, ahead = serve_held(&scene, &service);

	sockets_reset(service);
	client_scene_expect(ahead, "\"Opened\"");
	ck_assert_int_eq(recv(ahead, &(char){ 0 }, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	proxy_scene_wait_carried(&scene, 0);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &scene.pool.lent), 0);
	close(ahead);
	proxy_scene_close(&scene);
}
END_TEST

/* In a relay, and while the service is dialled. */
START_TEST(a_client_may_end_before_opened)
{
	struct proxy_scene scene;
	int service, filler, ahead = serve_held(&scene, &service);

	proxy_scene_close(&scene);
	client_scene_expect(ahead, "\"Opened\""); /* the service had the visitor */
	ck_assert_int_le(recv(ahead, &(char){ 0 }, 1, 0), 0);
	close(service);
	close(ahead);
	proxy_scene_open(&scene, NULL);
	client_scene_call(&scene.base, proxy_scene_run_hold_for_long, &scene);
	ahead = proxy_scene_open_ahead(&scene);
	ck_assert_int_eq(listen(scene.base.service, 0), 0);
	filler = sockets_dial(&scene.base.service_addr);
	client_scene_send(ahead, PROXY_SCENE_OPEN(CLIENT_SCENE_UUID));
	proxy_scene_wait_carried(&scene, 1);
	client_scene_call(&scene.base, proxy_scene_run_stop_all, &scene);
	client_scene_expect_end(ahead);
	proxy_scene_wait_carried(&scene, 0);
	ck_assert_uint_eq(proxy_scene_count_of(&scene, &scene.pool.lent), 0);
	close(filler);
	close(ahead);
	proxy_scene_close(&scene);
}
END_TEST

SUITE("origin", opened_leaves_with_the_services_first_bytes, opened_leaves_with_the_services_end,
      opened_does_not_wait_long_for_a_silent_service, after_a_hold_in_vain_some_visitors_have_none,
      opened_does_not_wait_if_the_first_bytes_are_as_many_as_may_be,
      a_visitor_whose_connection_is_lost_before_opened_is_remembered,
      opened_leaves_before_the_reset_of_the_service, a_client_may_end_before_opened)
