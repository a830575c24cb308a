#include "session/data_connection.h"

#include "scene/server_scene.h"
#include "suite.h"

/* A tunnel of this client, and a visitor that waits for it. */
struct tunnel_scene {
	int client, visitor;
	struct uuid id; /* of the visitor */
	uint16_t port;
};

static bool has_tunnel(void *unused)
{
	(void)unused;
	return scene.workers[0].sessions[LIST_TUNNELS].count == 1;
}

static struct tunnel_scene open_tunnel(const char *answer)
{
	struct tunnel_scene tunnel = { .client = answer ? scene_log_in(answer) : scene_connect() };

	scene_hello(tunnel.client, 0);
	scene_wait(has_tunnel, NULL);
	tunnel.port = scene_expect_tunnel(tunnel.client);
	tunnel.visitor = scene_visit(tunnel.port);
	tunnel.id = scene_expect(tunnel.client, MESSAGE_CONNECTION).id;
	return tunnel;
}

static void close_tunnel(const struct tunnel_scene *tunnel)
{
	close(tunnel->client);
	close(tunnel->visitor);
	scene_close();
}

/* Bytes of each side arrive at the other. */
static void check_joined(int data, int visitor)
{
	char text[8];

	scene_send(data, "to", 2);
	ck_assert_int_eq(recv(visitor, text, sizeof text, MSG_DONTWAIT), 2);
	ck_assert_int_eq(memcmp(text, "to", 2), 0);
	scene_send(visitor, "from", 4);
	ck_assert_int_eq(recv(data, text, sizeof text, MSG_DONTWAIT), 4);
	ck_assert_int_eq(memcmp(text, "from", 4), 0);
	ck_assert_uint_eq(scene.workers[0].relays.count, 1);
	ck_assert_uint_eq(scene.workers[0].strangers.count, 0);
	close(data);
}

static unsigned n_waiting(void)
{
	return pending_count(scene.shared.pending);
}

START_TEST(accept_takes_the_visitor)
{
	struct tunnel_scene tunnel;
	int data;

	scene_open(SCENE_OPEN);
	tunnel = open_tunnel(NULL);
	ck_assert_uint_eq(n_waiting(), 1);
	data = scene_connect();
	scene_accept(data, &tunnel.id);
	ck_assert_uint_eq(n_waiting(), 0);
	scene_expect_nothing(data);
	check_joined(data, tunnel.visitor);
	close_tunnel(&tunnel);
}
END_TEST

START_TEST(an_id_works_once)
{
	struct tunnel_scene tunnel;
	int first, second;

	scene_open(SCENE_OPEN);
	tunnel = open_tunnel(NULL);
	first = scene_connect();
	scene_accept(first, &tunnel.id);
	second = scene_connect();
	scene_accept(second, &tunnel.id);
	scene_expect_end(second);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_CONNECTION), 1);
	check_joined(first, tunnel.visitor);
	close_tunnel(&tunnel);
}
END_TEST

/* The owner's instance is asked, which knows the owner's session: others cannot take its visitor,
 * nor drive it away. */
START_TEST(a_foreign_accept_costs_the_visitor_nothing)
{
	struct tunnel_scene tunnel;
	int data;

	scene_open(SCENE_NAMES);
	tunnel = open_tunnel("alice");
	data = scene_log_in("bob");
	scene_accept(data, &tunnel.id);
	scene_expect_error(data, REFUSED_WRONG_SECRET);
	data = scene_log_in("eve");
	scene_accept(data, &tunnel.id);
	scene_expect_error(data, REFUSED_WRONG_SECRET);
	ck_assert_uint_eq(n_waiting(), 1);
	data = scene_log_in("alice");
	scene_accept(data, &tunnel.id);
	check_joined(data, tunnel.visitor);
	close_tunnel(&tunnel);
}
END_TEST

static bool is_ready(void *s)
{
	return ((const struct server_session *)s)->state == SESSION_READY;
}

/* Here the chain has decided before the Accept came. */
START_TEST(a_visitor_belongs_to_its_owner_alone)
{
	struct tunnel_scene tunnel;
	int data;

	scene_open(SCENE_NAMES);
	tunnel = open_tunnel("alice");
	data = scene_log_in("bob");
	scene_wait(is_ready, scene_last(LIST_NEWCOMERS));
	scene_accept(data, &tunnel.id);
	scene_expect_end(data);
	ck_assert_int_eq(scene_refusals(REFUSED_NOT_OWNER), 1);
	ck_assert_uint_eq(n_waiting(), 1);
	data = scene_log_in("alice");
	scene_wait(is_ready, scene_last(LIST_NEWCOMERS));
	scene_accept(data, &tunnel.id);
	check_joined(data, tunnel.visitor);
	close_tunnel(&tunnel);
}
END_TEST

/* ---- while the verdict is awaited ---- */

static int accept_later(const struct uuid *id)
{
	int data = scene_log_in("alice");

	scene_accept(data, id);
	ck_assert_int_eq(scene_last(LIST_NEWCOMERS)->state, SESSION_ACCEPTING);
	return data;
}

static bool has_no_newcomer(void *unused)
{
	(void)unused;
	return scene.workers[0].sessions[LIST_NEWCOMERS].count == 0;
}

/* It takes a visitor that waits. Without one it came too late, and no secret is checked. */
START_TEST(an_accept_is_no_try_of_a_banned_source)
{
	spore_addr addr = scene_addr(SCENE_STRANGER, 0);
	struct limits *limits = &scene.workers[0].limits;
	struct tunnel_scene tunnel;
	struct source *source;
	int late, data;

	scene_open(SCENE_NAMES);
	limits->settings.ban_after = 1;
	limits->settings.ban_time = 60000;
	tunnel = open_tunnel("alice");
	source = source_get(scene.shared.sources, &addr);
	ck_assert(source_was_wrong(source, limits, clock_ms()));
	late = scene_log_in_from(SCENE_STRANGER, "alice");
	scene_accept(late, &(struct uuid){ { 1 } });
	scene_expect_end(late);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_CONNECTION), 1);
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE), 0);
	data = scene_log_in_from(SCENE_STRANGER, "alice");
	scene_accept(data, &tunnel.id);
	scene_wait(has_no_newcomer, NULL);
	check_joined(data, tunnel.visitor);
	source_unref(source);
	close_tunnel(&tunnel);
}
END_TEST

START_TEST(a_visitor_may_expire_while_its_accept_is_judged)
{
	struct tunnel_scene tunnel;
	struct visitor visitor;
	int data;

	scene_open(SCENE_LATER("allow"));
	tunnel = open_tunnel("alice");
	data = accept_later(&tunnel.id);
	ck_assert(pending_take_expired(scene.shared.pending, INT64_MAX, &scene.limits, &visitor));
	visitor_drop(&visitor);
	scene_wait(has_no_newcomer, NULL);
	scene_expect_end(data);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_CONNECTION), 1);
	close_tunnel(&tunnel);
}
END_TEST

START_TEST(of_two_accepts_one_gets_the_visitor)
{
	struct tunnel_scene tunnel;
	int one, two;

	scene_open(SCENE_LATER("allow"));
	tunnel = open_tunnel("alice");
	one = accept_later(&tunnel.id);
	two = accept_later(&tunnel.id);
	scene_wait(has_no_newcomer, NULL);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_CONNECTION), 1);
	ck_assert_int_eq(scene_all_refusals(), 1);
	scene_expect_end(two);
	check_joined(one, tunnel.visitor);
	close_tunnel(&tunnel);
}
END_TEST

START_TEST(an_accept_that_goes_leaves_the_visitor)
{
	struct tunnel_scene tunnel;
	int data;

	scene_open(SCENE_LATER("allow"));
	tunnel = open_tunnel("alice");
	sockets_reset(accept_later(&tunnel.id));
	scene_run();
	ck_assert(has_no_newcomer(NULL));
	ck_assert_uint_eq(n_waiting(), 1);
	data = accept_later(&tunnel.id);
	scene_wait(has_no_newcomer, NULL);
	check_joined(data, tunnel.visitor);
	close_tunnel(&tunnel);
}
END_TEST

START_TEST(the_tunnel_may_end_while_an_accept_is_judged)
{
	struct tunnel_scene tunnel;
	int data;

	scene_open(SCENE_LATER("allow"));
	tunnel = open_tunnel("alice");
	data = accept_later(&tunnel.id);
	close(tunnel.client);
	scene_run();
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 0);
	scene_wait(has_no_newcomer, NULL);
	check_joined(data, tunnel.visitor);
	close(tunnel.visitor);
	scene_close();
}
END_TEST

/* ---- opened ahead ---- */

/* The pass that the tunnel's client gets for n connections. */
static struct uuid get_pass(const struct tunnel_scene *tunnel, unsigned n)
{
	struct message answer;

	scene_say(tunnel->client,
	          &(struct message){ .type = MESSAGE_EXTEND, .port = 500, .ahead = (uint16_t)n });
	answer = scene_expect(tunnel->client, MESSAGE_EXTENDED);
	ck_assert_uint_eq(answer.ahead, n);
	return answer.id;
}

static void wait_and_take(const char *config, const char *answer)
{
	struct tunnel_scene tunnel;
	struct uuid pass;
	int data;

	scene_open(config);
	tunnel = open_tunnel(answer);
	pass = get_pass(&tunnel, 1);
	data = answer ? scene_log_in(answer) : scene_connect();
	scene_ahead(data, &pass);
	ck_assert_int_eq(scene_last(LIST_WAITING)->state, SESSION_WAITING);
	ck_assert_uint_eq(scene.workers[0].strangers.count, 0);
	scene_accept(data, &tunnel.id);
	scene_expect(data, MESSAGE_ACCEPTED);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_WAITING].count, 0);
	check_joined(data, tunnel.visitor);
	close_tunnel(&tunnel);
}

START_TEST(a_connection_opened_ahead_hears_that_it_has_the_visitor)
{
	wait_and_take(SCENE_OPEN, NULL);
}
END_TEST

START_TEST(the_accept_of_a_waiting_connection_is_judged)
{
	wait_and_take(SCENE_NAMES, "alice");
}
END_TEST

START_TEST(a_pass_lets_a_stranger_wait_but_not_take)
{
	struct tunnel_scene tunnel;
	struct uuid pass;
	int data;

	scene_open(SCENE_NAMES);
	tunnel = open_tunnel("alice");
	pass = get_pass(&tunnel, 1);
	data = scene_log_in("eve");
	scene_ahead(data, &pass);
	ck_assert_int_eq(scene_last(LIST_WAITING)->state, SESSION_WAITING);
	scene_accept(data, &tunnel.id);
	scene_expect_error(data, REFUSED_WRONG_SECRET);
	ck_assert_uint_eq(n_waiting(), 1);
	close_tunnel(&tunnel);
}
END_TEST

START_TEST(connections_opened_ahead_go_with_their_tunnel)
{
	struct tunnel_scene tunnel;
	struct uuid pass;
	int data[2], extra;

	scene_open(SCENE_OPEN);
	tunnel = open_tunnel(NULL);
	pass = get_pass(&tunnel, 1);
	for (int i = 0; i < 2; i++) { /* a pass allows for twice as many as it promises */
		data[i] = scene_connect();
		scene_ahead(data[i], &pass);
	}
	extra = scene_connect();
	scene_ahead(extra, &pass);
	scene_expect_end(extra);
	ck_assert_int_eq(scene_refusals(REFUSED_AHEAD), 1);
	server_sessions_end_waiting(&scene.workers[0], false);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_WAITING].count, 2);
	close(tunnel.client);
	scene_run();
	server_sessions_end_waiting(&scene.workers[0], false);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_WAITING].count, 0);
	ck_assert_int_eq(scene_metric("spore_connections_ahead"), 0);
	scene_expect_end(data[0]);
	scene_expect_end(data[1]);
	close(tunnel.visitor);
	scene_close();
}
END_TEST

static void check_claims(const char *config, const char *answer, bool is_verdict_awaited)
{
	struct tunnel_scene tunnel;
	int data[2];

	scene_open(config);
	tunnel = open_tunnel(answer);
	for (int i = 0; i < 2; i++) {
		data[i] = answer ? scene_log_in(answer) : scene_connect();
		if (is_verdict_awaited)
			scene_wait(is_ready, scene_last(LIST_NEWCOMERS));
		scene_claim(data[i], &tunnel.id);
	}
	scene_expect(data[0], MESSAGE_ACCEPTED);
	scene_expect_end(data[1]);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_CONNECTION), 1);
	check_joined(data[0], tunnel.visitor);
	close_tunnel(&tunnel);
}

/* Exactly one of two connections hears that it has the visitor. */
START_TEST(a_claim_is_answered_if_it_takes_the_visitor)
{
	check_claims(SCENE_OPEN, NULL, false);
}
END_TEST

START_TEST(a_claim_is_judged_as_an_accept)
{
	check_claims(SCENE_NAMES, "alice", false);
}
END_TEST

START_TEST(a_claim_may_come_after_the_verdict)
{
	check_claims(SCENE_NAMES, "alice", true);
}
END_TEST

START_TEST(a_foreign_claim_costs_the_visitor_nothing)
{
	struct tunnel_scene tunnel;
	int data;

	scene_open(SCENE_NAMES);
	tunnel = open_tunnel("alice");
	data = scene_log_in("bob");
	scene_claim(data, &tunnel.id);
	scene_expect_error(data, REFUSED_WRONG_SECRET);
	ck_assert_uint_eq(n_waiting(), 1);
	close_tunnel(&tunnel);
}
END_TEST

SUITE("data_connection", an_accept_is_no_try_of_a_banned_source, accept_takes_the_visitor,
      an_id_works_once, a_foreign_accept_costs_the_visitor_nothing,
      a_visitor_belongs_to_its_owner_alone, a_visitor_may_expire_while_its_accept_is_judged,
      of_two_accepts_one_gets_the_visitor, an_accept_that_goes_leaves_the_visitor,
      the_tunnel_may_end_while_an_accept_is_judged,
      a_connection_opened_ahead_hears_that_it_has_the_visitor,
      the_accept_of_a_waiting_connection_is_judged, a_pass_lets_a_stranger_wait_but_not_take,
      connections_opened_ahead_go_with_their_tunnel, a_claim_is_answered_if_it_takes_the_visitor,
      a_claim_is_judged_as_an_accept, a_claim_may_come_after_the_verdict,
      a_foreign_claim_costs_the_visitor_nothing)
