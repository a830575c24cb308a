#include "carry/proxy_server.h"

#include "scene/proxy_scene.h"
#include "suite.h"

/* The connection that has announced the visitor may be lost before the visitor's own is there. An
 * error on the latter is not taken for bytes of the visitor. */
START_TEST(an_error_never_reaches_the_service)
{
	struct proxy_scene scene;
	int server, service;

	proxy_scene_open(&scene, NULL);
	scene.reads_claim = true;
	proxy_scene_start(&scene);
	server = client_scene_accept(scene.base.server);
	service = client_scene_accept(scene.base.service);
	client_scene_expect(server, PROXY_SCENE_CLAIM);
	client_scene_send(server, "{\"Error\":\"timed out\"}");
	close(server);
	server = client_scene_accept(scene.base.server); /* a lost one is replaced once */
	client_scene_expect(server, PROXY_SCENE_CLAIM);
	close(server);
	client_scene_expect_end(service);
	proxy_scene_wait_carried(&scene, 0);
	ck_assert(proxy_scene_failures(&scene, "server") == 1);
	proxy_scene_expect_declined(&scene);
	close(service);
	proxy_scene_close(&scene);
}
END_TEST

/* The server has to know that the visitor is accepted, however slow the service is. A listener
 * whose queue is full lets connection attempts wait. */
START_TEST(accept_does_not_wait_for_the_service)
{
	struct proxy_scene scene;
	int server, filler;

	proxy_scene_open(&scene, NULL);
	ck_assert_int_eq(listen(scene.base.service, 0), 0);
	filler = sockets_dial(&scene.base.service_addr);
	proxy_scene_start(&scene);
	server = client_scene_accept(scene.base.server);
	client_scene_expect(server, PROXY_SCENE_ACCEPT);
	ck_assert(client_scene_count(&scene.base, "spore_relays", NULL) == 0);
	proxy_scene_wait_carried(&scene, 1);
	client_scene_call(&scene.base, proxy_scene_run_stop_all, &scene);
	client_scene_expect_end(server);
	proxy_scene_wait_carried(&scene, 0);
	close(filler);
	close(server);
	proxy_scene_close(&scene);
}
END_TEST

START_TEST(service_is_let_go_when_the_server_is_down)
{
	struct proxy_scene scene;

	proxy_scene_open(&scene, NULL);
	close(scene.base.server);
	scene.base.server = -1;
	proxy_scene_start(&scene);
	proxy_scene_wait_carried(&scene, 0);
	proxy_scene_expect_declined(&scene);
	ck_assert(proxy_scene_failures(&scene, "server") == 1);
	ck_assert(proxy_scene_failures(&scene, NULL) == 1);
	proxy_scene_close(&scene);
}
END_TEST

/* The visitor's first bytes come right behind the server's answer. */
START_TEST(connection_opened_ahead_is_used_first)
{
	struct proxy_scene scene;
	int ahead, service;
	char got[8];

	proxy_scene_open(&scene, NULL);
	ahead = proxy_scene_open_ahead(&scene);
	proxy_scene_start(&scene);
	client_scene_expect(ahead, PROXY_SCENE_ACCEPT);
	ck_assert_int_eq(send(ahead, "\"Accepted\"\0first", 16, 0), 16);
	service = client_scene_accept(scene.base.service);
	ck_assert_int_eq(recv(service, got, 5, MSG_WAITALL), 5);
	ck_assert_int_eq(memcmp(got, "first", 5), 0);
	proxy_scene_check_relayed(service, ahead, "back");
	close(service);
	close(ahead);
	proxy_scene_close(&scene);
}
END_TEST

START_TEST(lost_connection_is_replaced_by_a_dialled_one)
{
	struct proxy_scene scene;
	int ahead, service, wire;
	char text[300];

	proxy_scene_open(&scene, NULL);
	ahead = proxy_scene_open_ahead(&scene);
	proxy_scene_start(&scene);
	client_scene_expect(ahead, PROXY_SCENE_ACCEPT);
	close(ahead);
	service = client_scene_accept(scene.base.service);
	/* One connection replaces the one that was used, the other one is the visitor's. */
	wire = client_scene_accept(scene.base.server);
	while (strcmp(client_scene_read(wire, text), PROXY_SCENE_ACCEPT) != 0) {
		close(wire);
		wire = client_scene_accept(scene.base.server);
	}
	proxy_scene_check_relayed(wire, service, "saved");
	ck_assert(proxy_scene_failures(&scene, NULL) == 0);
	close(wire);
	close(service);
	proxy_scene_close(&scene);
}
END_TEST

struct rivals {
	int ahead, service, dialled;
};

/* Another connection claims the visitor after 250 ms. */
static struct rivals dial_beside(struct proxy_scene *scene)
{
	struct rivals rivals;
	int64_t since_ms;
	char text[300];

	scene->reads_claim = true;
	rivals.ahead = proxy_scene_open_ahead(scene);
	since_ms = clock_ms();
	proxy_scene_start(scene);
	client_scene_expect_start(rivals.ahead,
	                          scene->most_kept ? PROXY_SCENE_CARRY : PROXY_SCENE_ACCEPT);
	rivals.service = client_scene_accept(scene->base.service);
	/* One connection replaces the one that is used. */
	rivals.dialled = client_scene_accept(scene->base.server);
	while (strcmp(client_scene_read(rivals.dialled, text), PROXY_SCENE_CLAIM) != 0)
		rivals.dialled = client_scene_accept(scene->base.server);
	ck_assert_int_ge(clock_ms() - since_ms, PROXY_SERVER_SLOW_MS - 10);
	ck_assert_int_lt(clock_ms() - since_ms, 2000);
	return rivals;
}

static void end_rivals(struct proxy_scene *scene, const struct rivals *rivals)
{
	close(rivals->ahead);
	close(rivals->service);
	close(rivals->dialled);
	proxy_scene_wait_carried(scene, 0);
	ck_assert(proxy_scene_failures(scene, NULL) == 0);
	proxy_scene_close(scene);
}

START_TEST(a_dead_connection_ahead_holds_the_visitor_up_for_250_ms)
{
	struct proxy_scene scene;
	struct rivals rivals;

	proxy_scene_open(&scene, NULL);
	rivals = dial_beside(&scene);
	client_scene_send(rivals.dialled, "\"Accepted\"");
	client_scene_expect_end(rivals.ahead);
	proxy_scene_check_relayed(rivals.dialled, rivals.service, "claimed");
	proxy_scene_check_relayed(rivals.service, rivals.dialled, "back");
	end_rivals(&scene, &rivals);
}
END_TEST

/* The server closes the one whose visitor is taken. */
START_TEST(a_late_answer_on_the_connection_ahead_is_as_good)
{
	struct proxy_scene scene;
	struct rivals rivals;

	proxy_scene_open(&scene, NULL);
	rivals = dial_beside(&scene);
	shutdown(rivals.dialled, SHUT_WR);
	client_scene_expect_end(rivals.dialled);
	client_scene_send(rivals.ahead, "\"Accepted\"");
	proxy_scene_check_relayed(rivals.ahead, rivals.service, "late");
	end_rivals(&scene, &rivals);
}
END_TEST

START_TEST(an_answer_on_the_connection_ahead_ends_the_other)
{
	struct proxy_scene scene;
	struct rivals rivals;

	proxy_scene_open(&scene, NULL);
	rivals = dial_beside(&scene);
	client_scene_send(rivals.ahead, "\"Accepted\"");
	client_scene_expect_end(rivals.dialled);
	proxy_scene_check_relayed(rivals.ahead, rivals.service, "first");
	end_rivals(&scene, &rivals);
}
END_TEST

START_TEST(a_claim_outlives_the_connection_ahead)
{
	struct proxy_scene scene;
	struct rivals rivals;

	proxy_scene_open(&scene, NULL);
	rivals = dial_beside(&scene);
	shutdown(rivals.ahead, SHUT_WR);
	client_scene_expect_end(rivals.ahead);
	client_scene_send(rivals.dialled, "\"Accepted\"");
	proxy_scene_check_relayed(rivals.dialled, rivals.service, "claimed");
	end_rivals(&scene, &rivals);
}
END_TEST

/* What follows Accepted in answer to Claim is not framed, whatever the other one was asked for. */
START_TEST(a_claim_beside_carry_is_no_carry)
{
	struct proxy_scene scene;
	struct rivals rivals;

	proxy_scene_open(&scene, NULL);
	scene.most_kept = 1;
	rivals = dial_beside(&scene);
	shutdown(rivals.ahead, SHUT_WR);
	client_scene_expect_end(rivals.ahead);
	client_scene_send(rivals.dialled, "\"Accepted\"");
	proxy_scene_check_relayed(rivals.dialled, rivals.service, "claimed");
	proxy_scene_check_relayed(rivals.service, rivals.dialled, "back");
	end_rivals(&scene, &rivals);
	ck_assert_uint_eq(scene.pool.lent, 0);
}
END_TEST

/* An older server does not read Claim. The client waits for the answer. */
START_TEST(nothing_is_dialled_beside_where_the_server_reads_no_claim)
{
	struct proxy_scene scene;
	int ahead, service, wire;

	proxy_scene_open(&scene, NULL);
	ahead = proxy_scene_open_ahead(&scene);
	proxy_scene_start(&scene);
	client_scene_expect(ahead, PROXY_SCENE_ACCEPT);
	wire = client_scene_accept(scene.base.server);
	client_scene_expect_start(wire, "{\"Ahead\":"); /* in its place */
	ck_assert(client_scene_is_left_alone(scene.base.server, PROXY_SERVER_SLOW_MS + 100));
	client_scene_send(ahead, "\"Accepted\"");
	service = client_scene_accept(scene.base.service);
	proxy_scene_check_relayed(ahead, service, "slow");
	close(ahead);
	close(service);
	close(wire);
	proxy_scene_close(&scene);
}
END_TEST

SUITE("proxy_server", an_error_never_reaches_the_service, accept_does_not_wait_for_the_service,
      service_is_let_go_when_the_server_is_down, connection_opened_ahead_is_used_first,
      lost_connection_is_replaced_by_a_dialled_one,
      a_dead_connection_ahead_holds_the_visitor_up_for_250_ms,
      a_late_answer_on_the_connection_ahead_is_as_good,
      an_answer_on_the_connection_ahead_ends_the_other, a_claim_outlives_the_connection_ahead,
      a_claim_beside_carry_is_no_carry, nothing_is_dialled_beside_where_the_server_reads_no_claim)
