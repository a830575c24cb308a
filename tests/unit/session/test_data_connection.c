#include "session/data_connection.h"

#include <poll.h>

#include "epoll_sets.h"
#include "lane/lane.h"
#include "net/stream.h"
#include "scene/lane_scene.h"
#include "session/offer.h"
#include "session/tunnel.h"
#include "session/tunnel_session.h"
#include "suite.h"
#include "transports/notary.h"
#include "transports/stacking.h"

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

static const struct uuid strange = { { 1, 2, 3 } };
static int elder, server_end;

static void open_elder(void)
{
	int fd;

	ck_assert(elders_pair(&elder, &fd));
	elders_open(&scene.shared.elders, scene.loops[0], &fd, 1);
}

static void send_strange_accept(int data)
{
	server_end = stream_fd(scene_last(LIST_NEWCOMERS)->link.stream);
	scene_accept(data, &strange);
}

/* What the elder gets is text with '.' in place of NUL; the connection goes on there. */
static void check_sent_back(int data, const char *expected)
{
	char said[ELDERS_SAID_MOST + 1], text[8];
	size_t len = ELDERS_SAID_MOST;
	int connection;

	ck_assert_int_eq(elders_receive(elder, &connection, said, &len), ELDERS_CONNECTION);
	for (size_t i = 0; i < len; i++)
		said[i] = said[i] ? said[i] : '.';
	said[len] = '\0';
	ck_assert_ptr_nonnull(strstr(said, expected));
	scene_expect_nothing(data);
	ck_assert_uint_eq(epoll_sets_count(server_end), 0);
	ck_assert_int_eq(write(connection, "elder", 5), 5);
	ck_assert_int_eq(recv(data, text, sizeof text, 0), 5);
	close(connection);
	ck_assert_int_eq(scene_all_refusals(), 0);
	ck_assert_int_eq(scene_metric("spore_connections_sent_back_total"), 1);
	for (int i = 0; i < SESSION_LISTS; i++)
		ck_assert_uint_eq(scene.workers[0].sessions[i].count, 0);
	close(data);
	elders_close(&scene.shared.elders);
	close(elder);
	scene_close();
}

#define STRANGE_ACCEPT "{\"Accept\":\"01020300-0000-0000-0000-000000000000\"}."

START_TEST(an_elder_gets_what_is_not_known)
{
	int data;

	scene_open(SCENE_OPEN);
	open_elder();
	data = scene_connect();
	send_strange_accept(data);
	check_sent_back(data, STRANGE_ACCEPT);
}
END_TEST

START_TEST(an_elder_gets_nothing_after_a_wrong_answer)
{
	size_t len = ELDERS_SAID_MOST;
	char said[ELDERS_SAID_MOST];
	int data, connection;

	scene_open(SCENE_NAMES);
	open_elder();
	data = scene_log_in("eve");
	scene_accept(data, &strange);
	scene_expect_error(data, REFUSED_WRONG_SECRET);
	ck_assert_int_eq(elders_receive(elder, &connection, said, &len), ELDERS_NOTHING);
	elders_close(&scene.shared.elders);
	close(elder);
	scene_close();
}
END_TEST

START_TEST(an_elder_gets_the_answer)
{
	int data;

	scene_open(SCENE_NAMES);
	open_elder();
	data = scene_log_in("alice");
	send_strange_accept(data);
	check_sent_back(data, "\"}.{\"Authenticate\":\"alice\"}." STRANGE_ACCEPT);
}
END_TEST

/* The elder decides, since no secret is checked here. */
START_TEST(an_elder_gets_connections_of_a_banned_source)
{
	spore_addr addr = scene_addr(SCENE_STRANGER, 0);
	struct limits *limits = &scene.workers[0].limits;
	struct source *source;
	int data;

	scene_open(SCENE_NAMES);
	limits->settings.ban_after = 1;
	limits->settings.ban_time = 60000;
	open_elder();
	source_set_elder(scene.shared.sources, &addr);
	source = source_get(scene.shared.sources, &addr);
	ck_assert(source_was_wrong(source, limits, clock_ms()));
	source_unref(source);
	data = scene_log_in_from(SCENE_STRANGER, "alice");
	send_strange_accept(data);
	check_sent_back(data, "\"}.{\"Authenticate\":\"alice\"}." STRANGE_ACCEPT);
}
END_TEST

START_TEST(an_elder_that_does_not_read_gets_nothing)
{
	int data;

	scene_open(SCENE_OPEN);
	open_elder();
	while (elders_send(&scene.shared.elders, STDERR_FILENO, "x", 1) == ELDERS_SENT)
		continue;
	data = scene_connect();
	scene_accept(data, &strange);
	scene_expect_end(data);
	ck_assert_int_eq(scene_refusals(REFUSED_SENDING_BACK), 1);
	close(elder);
	data = scene_connect();
	scene_accept(data, &strange);
	scene_expect_end(data);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_CONNECTION), 1);
	elders_close(&scene.shared.elders);
	scene_close();
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

static bool has_waiting(void *unused)
{
	(void)unused;
	return scene.workers[0].sessions[LIST_WAITING].count > 0;
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
	scene_wait(has_waiting, NULL);
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

START_TEST(a_connection_is_judged_before_it_waits)
{
	wait_and_take(SCENE_NAMES, "alice");
}
END_TEST

/* The answer and the set of plugins, which a reload may have replaced. */
START_TEST(a_connection_that_waits_keeps_nothing_of_its_login)
{
	struct tunnel_scene tunnel;
	struct uuid pass;
	unsigned refs;
	int data;

	scene_open(SCENE_NAMES);
	tunnel = open_tunnel("alice");
	pass = get_pass(&tunnel, 1);
	refs = atomic_load(&scene.set->refs);
	data = scene_log_in("alice");
	ck_assert_uint_eq(atomic_load(&scene.set->refs), refs + 1);
	scene_ahead(data, &pass);
	scene_wait(has_waiting, NULL);
	ck_assert_uint_eq(atomic_load(&scene.set->refs), refs);
	scene_accept(data, &tunnel.id);
	scene_expect(data, MESSAGE_ACCEPTED);
	check_joined(data, tunnel.visitor);
	close_tunnel(&tunnel);
}
END_TEST

/* Nor may another client of the server, to whom the pass has become known. */
START_TEST(a_pass_lets_no_stranger_wait)
{
	static const char *const answers[] = { "eve", "bob" };
	struct tunnel_scene tunnel;
	struct uuid pass;
	int data;

	scene_open(SCENE_NAMES);
	tunnel = open_tunnel("alice");
	pass = get_pass(&tunnel, 1);
	for (int i = 0; i < 2; i++) {
		data = scene_log_in(answers[i]);
		scene_ahead(data, &pass);
		scene_wait(has_no_newcomer, NULL);
		scene_expect_error(data, REFUSED_WRONG_SECRET);
	}
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

/* ---- visitors that are handed over ---- */

/* Data that the visitor sends, and what comes of it at the client. */
static void say_as(int visitor, const char *text)
{
	scene_send(visitor, text, strlen(text));
}

/* What the client reads of a visitor: frames, or plain bytes. */
struct reading {
	int fd;
	size_t left; /* of the frame */
	bool raw;
	uint8_t *bytes;
	size_t len, size; /* so far; and all that will come */
};

/* False: nothing more has come. */
static bool read_more(struct reading *reading)
{
	size_t most = reading->raw ? reading->size - reading->len : reading->left;
	uint8_t header[4];
	ssize_t n;

	if (most == 0) {
		if (recv(reading->fd, header, 4, MSG_DONTWAIT) != 4)
			return false;
		ck_assert(header[0] == 1 || header[0] == 3);
		reading->raw = header[0] == 3;
		reading->left = (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
		return true;
	}
	ck_assert_uint_le(reading->len + most, reading->size);
	n = recv(reading->fd, reading->bytes + reading->len, most, MSG_DONTWAIT);
	if (n <= 0)
		return false;
	reading->len += (size_t)n;
	reading->left -= reading->raw ? 0 : (size_t)n;
	return true;
}

static size_t read_until_quiet(struct reading *reading)
{
	for (int quiet = 0; quiet < 3 && reading->len < reading->size; quiet++) {
		while (reading->len < reading->size && read_more(reading))
			quiet = 0;
		scene_run();
	}
	return reading->len;
}

/* Bytes of each side of a lane arrive at the other. */
static void check_carried(int data, int visitor)
{
	say_as(visitor, "from");
	lane_scene_expect_bytes(data, "\1\0\0\4from", 8);
	scene_send(data, "\1\0\0\2to", 6);
	lane_scene_expect_bytes(visitor, "to", 2);
}

/* Tunnel and data connection on one worker, or on two. */
static void hand_over(int of_tunnel, int of_data)
{
	struct lane_scene lanes;
	struct message open;
	int data, visitor;
	long handed;

	scene_open(SCENE_OPEN);
	handed = (long)scene_metric("spore_connections_handed_total");
	lanes = lane_scene_open(of_tunnel, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, of_data, NULL);
	for (int i = 0; i < 3; i++) {
		visitor = scene_visit(lanes.port);
		open = scene_expect(data, MESSAGE_OPEN);
		ck_assert_str_eq(open.text, ""); /* the client wants no addresses */
		lane_scene_expect_none(data);
		scene_expect_nothing(lanes.client);
		ck_assert_uint_eq(n_waiting(), 0);
		ck_assert_int_eq(lane_scene_offered(of_data)->state, SESSION_OFFERED);
		lane_scene_opened(data);
		ck_assert_uint_eq(scene.workers[of_data].relays.count, 1);
		check_carried(data, visitor);
		lane_scene_end_visitor(data, visitor);
		ck_assert_uint_eq(scene.workers[of_data].sessions[LIST_WAITING].count, 1);
	}
	ck_assert_int_eq(scene_metric("spore_connections_handed_total"), handed + 3);
	close(data);
	lane_scene_close(&lanes);
	ck_assert_int_eq(scene_all_refusals(), 0);
}

START_TEST(a_connection_that_waits_is_handed_one_visitor_after_another)
{
	for (int of_tunnel = 0; of_tunnel < SCENE_WORKERS; of_tunnel++) {
		for (int of_data = 0; of_data < SCENE_WORKERS; of_data++)
			hand_over(of_tunnel, of_data);
	}
}
END_TEST

START_TEST(the_client_is_told_the_visitors_address_if_it_wants)
{
	struct lane_scene lanes;
	char expected[ADDR_TEXT_SIZE];
	struct sockaddr_in in;
	socklen_t len = sizeof in;
	spore_addr addr;
	int data, visitor;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, NULL);
	scene_say(lanes.client,
	          &(struct message){ .type = MESSAGE_EXTEND,
	                             .port = 60000,
	                             .wants = MESSAGE_WANTS_CARRY | MESSAGE_WANTS_OPEN |
	                                      MESSAGE_WANTS_VISITOR });
	scene_expect(lanes.client, MESSAGE_EXTENDED);
	visitor = scene_visit(lanes.port);
	ck_assert_int_eq(getsockname(visitor, (struct sockaddr *)&in, &len), 0);
	addr_from_sockaddr((struct sockaddr *)&in, &addr);
	addr_format(&addr, expected);
	ck_assert_str_eq(scene_expect(data, MESSAGE_OPEN).text, expected);
	sockets_reset(data);
	scene_run();
	ck_assert_str_eq(scene_expect(lanes.client, MESSAGE_AGAIN).text, expected);
	close(visitor);
	lane_scene_close(&lanes);
}
END_TEST

/* The client has them before it answers, and they stay in the socket until it has. */
START_TEST(the_first_bytes_are_shown_with_the_visitor)
{
	struct lane_scene lanes;
	struct uuid id;
	int data, visitor;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, NULL);
	visitor = lane_scene_offer(&lanes, data, &id);
	say_as(visitor, "hello");
	lane_scene_expect_bytes(data, "\1\0\0\5hello", 9);
	say_as(visitor, " world");
	lane_scene_expect_none(data); /* bytes are shown once */
	lane_scene_opened(data);
	lane_scene_expect_bytes(data, "\1\0\0\6 world", 10);
	check_carried(data, visitor);
	lane_scene_end_visitor(data, visitor);
	ck_assert_int_eq(scene_metric("spore_bytes_proxied_total"), 5 + 6 + 4 + 2);
	close(data);
	lane_scene_close(&lanes);
}
END_TEST

enum { MUCH = 100000 };

static void fill(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * i >> 3);
}

/* No byte is lost or doubled where the shown ones end. */
static void check_first_bytes(size_t len)
{
	static uint8_t sent[MUCH], got[MUCH];
	struct lane_scene lanes;
	struct reading reading = { .bytes = got, .size = len };
	struct uuid id;
	int visitor;
	size_t shown;

	fill(sent, len);
	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	reading.fd = lane_scene_add(&lanes, 0, NULL);
	visitor = lane_scene_offer(&lanes, reading.fd, &id);
	scene_send(visitor, sent, len);
	shown = read_until_quiet(&reading);
	ck_assert_uint_gt(shown, 0);
	ck_assert_uint_le(shown, LANE_FIRST_MOST);
	lane_scene_opened(reading.fd);
	ck_assert_uint_eq(read_until_quiet(&reading), len);
	ck_assert_mem_eq(got, sent, len);
	close(visitor);
	close(reading.fd);
	scene_run();
	lane_scene_close(&lanes);
	ck_assert_int_eq(scene_all_refusals(), 0);
}

START_TEST(many_first_bytes_arrive_once)
{
	static const size_t lengths[] = { 1, LANE_FIRST_MOST - 1, LANE_FIRST_MOST,
		                          LANE_FIRST_MOST + 1, MUCH };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		check_first_bytes(lengths[i]);
}
END_TEST

/* What comes right behind Opened is the service's. */
START_TEST(the_services_first_bytes_may_come_behind_the_answer)
{
	static const char answer[] = "\"Opened\"\0\1\0\0\4back\2\0\0";
	struct lane_scene lanes;
	struct uuid id;
	int data, visitor;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(1, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 0, NULL);
	visitor = lane_scene_offer(&lanes, data, &id);
	scene_send(data, answer, sizeof answer);
	lane_scene_expect_bytes(visitor, "back", 4);
	ck_assert_int_eq(recv(visitor, (char[1]){ 0 }, 1, MSG_DONTWAIT), 0);
	close(visitor);
	scene_run();
	lane_scene_expect_bytes(data, "\2\0\0\0", 4);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_WAITING].count, 1);
	close(data);
	lane_scene_close(&lanes);
}
END_TEST

/* A connection that was dialled anew takes the visitor, with every byte. */
static void take_elsewhere(const struct lane_scene *lanes, const struct uuid *id, int visitor,
                           const char *said)
{
	int data = scene_connect();

	scene_accept(data, id);
	if (*said)
		lane_scene_expect_bytes(data, said, strlen(said));
	scene_send(data, "to", 2);
	lane_scene_expect_bytes(visitor, "to", 2);
	ck_assert_uint_eq(n_waiting(), 0);
	scene_expect_nothing(lanes->client);
	close(data);
	close(visitor);
}

START_TEST(a_visitor_whose_connection_ends_is_announced_with_all_its_bytes)
{
	for (int how = 0; how < 2; how++) {
		struct lane_scene lanes;
		struct uuid id, again;
		int data, visitor;

		scene_open(SCENE_OPEN);
		lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
		data = lane_scene_add(&lanes, how, NULL);
		visitor = lane_scene_offer(&lanes, data, &id);
		say_as(visitor, "hello");
		if (how)
			sockets_reset(data);
		else
			close(data);
		scene_run();
		again = lane_scene_expect(&lanes, MESSAGE_AGAIN);
		ck_assert(uuid_equal(&id, &again));
		ck_assert_uint_eq(n_waiting(), 1);
		say_as(visitor, " world");
		take_elsewhere(&lanes, &id, visitor, "hello world");
		lane_scene_close(&lanes);
		ck_assert_int_eq(scene_all_refusals(), 0);
	}
}
END_TEST

static void be_doubted(int worker)
{
	struct server_session *s = lane_scene_offered(worker);

	ck_assert_int_eq(s->state, SESSION_OFFERED);
	scene_be_late(s);
	ck_assert_int_eq(s->state, SESSION_DOUBTED);
}

/* The answer still counts while nobody else has taken the visitor. */
START_TEST(a_late_answer_takes_the_visitor)
{
	for (int worker = 0; worker < 2; worker++) {
		struct lane_scene lanes;
		struct uuid id, again;
		int data, visitor;

		scene_open(SCENE_OPEN);
		lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
		data = lane_scene_add(&lanes, worker, NULL);
		visitor = lane_scene_offer(&lanes, data, &id);
		say_as(visitor, "hello");
		lane_scene_expect_bytes(data, "\1\0\0\5hello", 9);
		be_doubted(worker);
		again = lane_scene_expect(&lanes, MESSAGE_AGAIN);
		ck_assert(uuid_equal(&id, &again));
		ck_assert_uint_eq(n_waiting(), 1);
		say_as(visitor, " world");
		lane_scene_expect_none(data);
		lane_scene_opened(data);
		ck_assert_uint_eq(n_waiting(), 0);
		lane_scene_expect_bytes(data, "\1\0\0\6 world", 10);
		check_carried(data, visitor);
		scene_expect_nothing(lanes.client);
		lane_scene_end_visitor(data, visitor);
		close(data);
		lane_scene_close(&lanes);
		ck_assert_int_eq(scene_all_refusals(), 0);
	}
}
END_TEST

START_TEST(a_late_answer_finds_a_visitor_that_was_taken)
{
	struct lane_scene lanes;
	struct message message;
	struct uuid id;
	int data, other, visitor;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, NULL);
	visitor = lane_scene_offer(&lanes, data, &id);
	say_as(visitor, "hello");
	lane_scene_expect_bytes(data, "\1\0\0\5hello", 9);
	be_doubted(1);
	lane_scene_expect(&lanes, MESSAGE_AGAIN);
	other = scene_connect();
	scene_claim(other, &id);
	scene_expect(other, MESSAGE_ACCEPTED);
	lane_scene_expect_bytes(other, "hello", 5);
	lane_scene_opened(data);
	ck_assert_int_eq(scene_hear(data, &message), HEARD_RESET);
	check_joined(other, visitor);
	scene_expect_nothing(lanes.client);
	close(data);
	close(visitor);
	lane_scene_close(&lanes);
}
END_TEST

/* The client may have waited for the answer to Opened. Now it knows that the visitor is its own. */
START_TEST(a_visitor_that_is_lost_after_a_doubt_is_announced_once_more)
{
	for (int how = 0; how < 2; how++) {
		struct lane_scene lanes;
		struct uuid id, again;
		int data, visitor;

		scene_open(SCENE_OPEN);
		lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
		data = lane_scene_add(&lanes, 1, NULL);
		visitor = lane_scene_offer(&lanes, data, &id);
		be_doubted(1);
		lane_scene_expect(&lanes, MESSAGE_AGAIN);
		scene_expect_nothing(lanes.client);
		if (how)
			close(data);
		else
			scene_be_late(lane_scene_offered(1));
		scene_run();
		again = lane_scene_expect(&lanes, MESSAGE_AGAIN);
		ck_assert(uuid_equal(&id, &again));
		ck_assert_uint_eq(n_waiting(), 1);
		take_elsewhere(&lanes, &id, visitor, "");
		if (!how)
			close(data);
		lane_scene_close(&lanes);
		ck_assert_int_eq(scene_all_refusals(), 0);
	}
}
END_TEST

START_TEST(a_visitor_that_was_taken_is_announced_no_more)
{
	struct lane_scene lanes;
	struct uuid id;
	int data, visitor;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, NULL);
	visitor = lane_scene_offer(&lanes, data, &id);
	be_doubted(1);
	lane_scene_expect(&lanes, MESSAGE_AGAIN);
	take_elsewhere(&lanes, &id, visitor, "");
	close(data);
	scene_run();
	scene_expect_nothing(lanes.client);
	ck_assert_uint_eq(n_waiting(), 0);
	lane_scene_close(&lanes);
}
END_TEST

/* Its service may have heard of the visitor. So a visitor that is lost ends, and no other. */
START_TEST(a_client_that_has_the_visitor_ends_it_once_it_is_lost)
{
	struct lane_scene lanes;
	struct uuid id;
	int data, visitor;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, NULL);
	visitor = lane_scene_offer(&lanes, data, &id);
	lane_scene_taken(lanes.client, &id); /* it is not even in doubt */
	be_doubted(1);
	lane_scene_expect(&lanes, MESSAGE_AGAIN);
	lane_scene_taken(lanes.client, &id); /* and may still answer */
	ck_assert_uint_eq(n_waiting(), 1);
	lane_scene_expect_none(visitor);
	close(data);
	scene_run();
	lane_scene_expect(&lanes, MESSAGE_AGAIN);
	lane_scene_taken(lanes.client, &(struct uuid){ { 1 } });
	ck_assert_uint_eq(n_waiting(), 1);
	ck_assert_int_eq(scene_all_refusals(), 0);
	for (int i = 0; i < 2; i++) /* the second one is for nobody */
		lane_scene_taken(lanes.client, &id);
	ck_assert_uint_eq(n_waiting(), 0);
	ck_assert_int_eq(scene_refusals(REFUSED_CLIENT_LOST), 1);
	ck_assert_int_eq(recv(visitor, (char[1]){ 0 }, 1, MSG_DONTWAIT), 0);
	close(visitor);
	lane_scene_close(&lanes);
}
END_TEST

START_TEST(a_visitor_that_was_only_announced_is_not_taken)
{
	struct tunnel_scene tunnel;

	scene_open(SCENE_OPEN);
	tunnel = open_tunnel(NULL);
	scene_say(tunnel.client, &(struct message){ .type = MESSAGE_EXTEND, .port = 500 });
	scene_expect(tunnel.client, MESSAGE_EXTENDED);
	lane_scene_taken(tunnel.client, &tunnel.id);
	ck_assert_uint_eq(n_waiting(), 1);
	ck_assert_int_eq(scene_all_refusals(), 0);
	close_tunnel(&tunnel);
}
END_TEST

START_TEST(a_foreign_client_ends_no_visitor)
{
	struct lane_scene alices, bobs;
	struct uuid id;
	int data, visitor;

	scene_open(SCENE_NAMES);
	alices = lane_scene_open(0, "alice", MESSAGE_WANTS_OPEN);
	bobs = lane_scene_open(1, "bob", MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&alices, 1, "alice");
	visitor = lane_scene_offer(&alices, data, &id);
	close(data);
	scene_run();
	lane_scene_expect(&alices, MESSAGE_AGAIN);
	lane_scene_taken(bobs.client, &id);
	ck_assert_uint_eq(n_waiting(), 1);
	lane_scene_taken(alices.client, &id);
	ck_assert_uint_eq(n_waiting(), 0);
	close(visitor);
	close(bobs.client);
	lane_scene_close(&alices);
}
END_TEST

/* The client has asked for another visitor when Open came. It asks for that one elsewhere. */
START_TEST(a_request_that_crosses_a_handover_is_ignored)
{
	static const enum message_type types[] = { MESSAGE_ACCEPT, MESSAGE_CLAIM, MESSAGE_CARRY };
	struct lane_scene lanes;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	for (int i = 0; i < 3; i++) {
		int early = scene_visit(lanes.port), data, visitor;
		struct uuid announced = lane_scene_expect(&lanes, MESSAGE_CONNECTION), id;

		data = lane_scene_add(&lanes, i % 2, NULL);
		visitor = lane_scene_offer(&lanes, data, &id);
		scene_say(data, &(struct message){
					.type = types[i], .id = announced, .pass = lanes.pass });
		lane_scene_expect_none(data);
		ck_assert_uint_eq(n_waiting(), 1);
		lane_scene_opened(data);
		check_carried(data, visitor);
		take_elsewhere(&lanes, &announced, early, "");
		close(data);
		close(visitor);
		scene_run();
	}
	lane_scene_close(&lanes);
	ck_assert_int_eq(scene_all_refusals(), 0);
}
END_TEST

/* With the tunnel, the visitor ends, which nobody could be told of. A client that takes it before
 * has it. */
START_TEST(the_tunnel_may_end_while_a_visitor_is_handed_over)
{
	for (int how = 0; how < 4; how++) {
		struct lane_scene lanes;
		struct uuid id;
		int data, visitor;

		scene_open(SCENE_OPEN);
		lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
		data = lane_scene_add(&lanes, how % 2, NULL);
		visitor = lane_scene_offer(&lanes, data, &id);
		close(lanes.client);
		scene_run();
		ck_assert(!lane_scene_has_tunnel(&lanes));
		lane_scene_expect_none(visitor);
		if (how < 2) {
			lane_scene_opened(data);
			check_carried(data, visitor);
			close(visitor);
			scene_run();
			lane_scene_expect_bytes(data, "\2\0\0\0", 4);
			scene_send(data, "\2\0\0\0", 4);
			scene_expect_end(data); /* no other visitor comes */
		} else {
			close(data);
			scene_run();
			ck_assert_uint_eq(n_waiting(), 0);
			ck_assert_int_eq(recv(visitor, (char[1]){ 0 }, 1, MSG_DONTWAIT), 0);
			close(visitor);
		}
		ck_assert_int_eq(scene_refusals(REFUSED_CLIENT_LOST), how < 2 ? 0 : how - 1);
		scene_close();
	}
}
END_TEST

START_TEST(a_visitor_in_doubt_ends_with_its_tunnel_and_its_connection)
{
	struct lane_scene lanes;
	struct uuid id;
	int data, visitor;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, NULL);
	visitor = lane_scene_offer(&lanes, data, &id);
	be_doubted(1);
	close(lanes.client);
	scene_run();
	ck_assert_uint_eq(n_waiting(), 1); /* its client may come back for it */
	close(data);
	scene_run();
	ck_assert_uint_eq(n_waiting(), 0);
	ck_assert_int_eq(scene_refusals(REFUSED_CLIENT_LOST), 1);
	close(visitor);
	scene_close();
}
END_TEST

/* ---- who is handed no visitor ---- */

/* The visitor is announced in the ordinary way. */
static void expect_announced(const struct lane_scene *lanes)
{
	int visitor = scene_visit(lanes->port);
	struct uuid id = lane_scene_expect(lanes, MESSAGE_CONNECTION);

	take_elsewhere(lanes, &id, visitor, "");
}

START_TEST(a_client_that_does_not_want_it_is_handed_no_visitor)
{
	struct lane_scene lanes;
	int data;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, 0);
	data = lane_scene_add(&lanes, 0, NULL);
	ck_assert(list_is_empty(&scene_last(LIST_WAITING)->shelf));
	expect_announced(&lanes);
	lane_scene_expect_none(data);
	close(data);
	lane_scene_close(&lanes);
}
END_TEST

/* A client that wants no second visitor on a connection is asked for each. */
START_TEST(a_client_that_wants_no_other_visitor_is_handed_none)
{
	struct tunnel_scene tunnel;
	struct message extended;
	struct uuid id;
	int data, other;

	scene_open(SCENE_OPEN);
	tunnel = open_tunnel(NULL);
	scene_say(tunnel.client, &(struct message){ .type = MESSAGE_EXTEND,
	                                            .port = 500,
	                                            .ahead = 1,
	                                            .wants = MESSAGE_WANTS_OPEN });
	extended = scene_expect(tunnel.client, MESSAGE_EXTENDED);
	ck_assert_uint_eq(extended.offers & MESSAGE_OFFER_CARRY, 0);
	data = scene_connect();
	lane_scene_carry(data, &tunnel.id, &extended.id);
	scene_expect(data, MESSAGE_ACCEPTED);
	lane_scene_end_visitor(data, tunnel.visitor);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_WAITING].count, 1);
	other = scene_visit(tunnel.port);
	id = scene_expect(tunnel.client, MESSAGE_CONNECTION).id;
	ck_assert(!uuid_equal(&id, &tunnel.id));
	lane_scene_expect_none(data);
	close(data);
	close(other);
	close(tunnel.client);
	scene_close();
}
END_TEST

/* It has been judged. */
static void hand_over_first(const char *config, const char *answer)
{
	struct lane_scene lanes;
	struct uuid id;
	int data, visitor;

	scene_open(config);
	lanes = lane_scene_open(0, answer, MESSAGE_WANTS_OPEN);
	data = lane_scene_connect(0, answer);
	scene_ahead(data, &lanes.pass);
	scene_wait(has_waiting, NULL);
	visitor = lane_scene_offer(&lanes, data, &id);
	lane_scene_opened(data);
	check_carried(data, visitor);
	lane_scene_end_visitor(data, visitor);
	ck_assert(has_waiting(NULL));
	close(data);
	lane_scene_close(&lanes);
}

START_TEST(a_connection_opened_ahead_is_handed_its_first_visitor)
{
	hand_over_first(SCENE_OPEN, NULL);
	hand_over_first(SCENE_NAMES, "alice");
}
END_TEST

START_TEST(a_visitor_for_whom_no_connection_is_left_is_announced)
{
	struct lane_scene lanes;
	int data[2], visitors[2];
	struct uuid ids[2];

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data[0] = lane_scene_add(&lanes, 0, NULL);
	visitors[0] = lane_scene_offer(&lanes, data[0], &ids[0]);
	data[1] = lane_scene_add(&lanes, 1, NULL); /* its own first visitor was announced */
	visitors[1] = lane_scene_offer(&lanes, data[1], &ids[1]);
	expect_announced(&lanes);
	for (int i = 0; i < 2; i++) {
		lane_scene_opened(data[i]);
		check_carried(data[i], visitors[i]);
		close(visitors[i]);
		close(data[i]);
	}
	scene_run();
	lane_scene_close(&lanes);
}
END_TEST

/* The one that was used last comes first. */
START_TEST(the_connection_that_was_used_last_is_handed_the_visitor)
{
	struct lane_scene lanes;
	struct uuid id, early;
	int data[2], visitor, other;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	other = scene_visit(lanes.port);
	early = lane_scene_expect(&lanes, MESSAGE_CONNECTION);
	data[1] = scene_connect();
	lane_scene_carry(data[1], &early, &lanes.pass);
	scene_expect(data[1], MESSAGE_ACCEPTED);
	data[0] = lane_scene_add(&lanes, 0, NULL);
	lane_scene_end_visitor(data[1], other);
	for (int i = 1; i >= 0; i--) {
		visitor = lane_scene_offer(&lanes, data[i], &id);
		close(visitor);
	}
	close(data[0]);
	close(data[1]);
	lane_scene_close(&lanes);
}
END_TEST

/* While its visitor was on the way to the other worker. */
START_TEST(a_connection_may_go_while_a_visitor_comes_to_it)
{
	struct lane_scene lanes;
	int data, visitor;
	struct uuid id;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, NULL);
	scene.stalled[1] = true;
	visitor = scene_visit(lanes.port);
	scene_expect_nothing(lanes.client);
	ck_assert_uint_eq(n_waiting(), 0);
	server_session_end(server_sessions_first(&scene.workers[1], LIST_WAITING), false);
	scene.stalled[1] = false;
	scene_run();
	scene_expect_end(data);
	id = lane_scene_expect(&lanes, MESSAGE_CONNECTION);
	take_elsewhere(&lanes, &id, visitor, "");
	lane_scene_close(&lanes);
}
END_TEST

/* The visitor's worker hears nothing of it, and its account has left. */
START_TEST(the_tunnel_may_end_while_a_visitor_comes_to_a_connection)
{
	struct lane_scene lanes;
	int data, visitor;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, NULL);
	scene.stalled[1] = true;
	visitor = scene_visit(lanes.port);
	close(lanes.client);
	scene_run();
	scene.stalled[1] = false;
	scene_run();
	scene_expect_end(data);
	ck_assert_uint_eq(n_waiting(), 0);
	ck_assert_int_eq(recv(visitor, (char[1]){ 0 }, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(scene_refusals(REFUSED_CLIENT_LOST), 1);
	close(visitor);
	scene_close();
}
END_TEST

/* A reload has judged the client again: it proves itself anew. */
START_TEST(a_connection_of_an_account_that_has_left_is_handed_no_visitor)
{
	for (int worker = 0; worker < 2; worker++) {
		struct lane_scene lanes;
		struct account *account;
		int data;

		scene_open(SCENE_OPEN);
		lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
		data = lane_scene_add(&lanes, worker, NULL);
		account = tunnel_account(tunnel_session_tunnel(lane_scene_tunnel(&lanes)));
		atomic_store(&account->left, true);
		expect_announced(&lanes);
		scene_expect_end(data);
		lane_scene_close(&lanes);
	}
}
END_TEST

/* The transport has the say. */
static uint32_t stale_attr(spore_stream *layer, const char *key, size_t index, spore_str *out)
{
	(void)layer, (void)index;
	*out = spore_cstr("expired");
	return strcmp(key, SPORE_ATTR_STALE) == 0;
}

static void make_stale(struct stream *stream)
{
	static spore_stream_ops ops;
	struct notary *notary = notary_new(stream_top(stream));

	ops = *notary->base.ops;
	ops.attr = stale_attr;
	notary->base.ops = &ops;
	stacking_push(stream, &notary->base, false);
	ck_assert(conn_is_stale(stream_conn(stream)));
}

START_TEST(a_connection_whose_transport_is_stale_is_handed_no_visitor)
{
	struct lane_scene lanes;
	int data;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 0, NULL);
	make_stale(scene_last(LIST_WAITING)->link.stream);
	expect_announced(&lanes);
	scene_expect_end(data);
	lane_scene_close(&lanes);
}
END_TEST

/* Who knows the pass of another tenant gets none of its visitors, and costs them nothing. */
START_TEST(a_connection_of_another_principal_is_handed_no_visitor)
{
	struct lane_scene alices, bobs;
	int data, visitor, other;
	struct uuid id;

	scene_open(SCENE_NAMES);
	alices = lane_scene_open(0, "alice", MESSAGE_WANTS_OPEN);
	bobs = lane_scene_open(1, "bob", MESSAGE_WANTS_OPEN);
	data = lane_scene_add_under(&bobs, 0, "bob", &alices.pass);
	visitor = scene_visit(alices.port);
	scene_expect_end(data);
	id = lane_scene_expect(&alices, MESSAGE_CONNECTION);
	other = lane_scene_connect(0, "alice");
	scene_accept(other, &id);
	scene_wait(lane_scene_has_relay, &scene.workers[0]);
	check_joined(other, visitor);
	close(visitor);
	close(bobs.client);
	lane_scene_close(&alices);
}
END_TEST

/* A reload gave the tunnel to another owner, and the client is still there. */
START_TEST(a_visitor_that_is_handed_over_is_announced_after_a_change_of_owner)
{
	struct lane_scene lanes;
	struct account *before;
	struct uuid id, again;
	int data, visitor;

	scene_open(SCENE_NAMES);
	lanes = lane_scene_open(0, "alice", MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, "alice");
	visitor = lane_scene_offer(&lanes, data, &id);
	before = tunnel_account(tunnel_session_tunnel(lane_scene_tunnel(&lanes)));
	scene_renew(SCENE_AUTH("{\"use\": \"policy\", \"names\": [\"alice\"]}"));
	ck_assert_ptr_ne(tunnel_account(tunnel_session_tunnel(lane_scene_tunnel(&lanes))), before);
	be_doubted(1);
	again = lane_scene_expect(&lanes, MESSAGE_AGAIN);
	ck_assert(uuid_equal(&again, &id));
	ck_assert_uint_eq(n_waiting(), 1);
	lane_scene_opened(data); /* the visitor is still the former owner's */
	check_carried(data, visitor);
	ck_assert_int_eq(scene_all_refusals(), 0);
	close(visitor);
	close(data);
	lane_scene_close(&lanes);
}
END_TEST

/* A reload between Open and Opened: the connection has transports of the configuration before. */
START_TEST(a_connection_that_was_handed_a_visitor_before_a_reload_has_no_other)
{
	struct lane_scene lanes;
	struct uuid id;
	int data, visitor;

	scene_open(SCENE_NAMES);
	lanes = lane_scene_open(0, "alice", MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, "alice");
	visitor = lane_scene_offer(&lanes, data, &id);
	scene_renew(SCENE_NAMES);
	lane_scene_opened(data);
	check_carried(data, visitor);
	lane_scene_end_visitor(data, visitor);
	scene_expect_end(data);
	ck_assert_uint_eq(scene.workers[1].sessions[LIST_WAITING].count, 0);
	close(data);
	lane_scene_close(&lanes);
}
END_TEST

static bool has_no_tunnel(void *lanes)
{
	return !lane_scene_has_tunnel(lanes);
}

/* Opened comes after the client was revoked, or the certificate of its connection. */
static void answer_without_rights(bool is_revoked, bool is_doubted)
{
	struct lane_scene lanes;
	struct message message;
	struct uuid id;
	int data, visitor, before;

	scene_open(SCENE_NAMES);
	before = (int)scene_refusals(REFUSED_CLIENT_LOST);
	lanes = lane_scene_open(0, "alice", MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, "alice");
	visitor = lane_scene_offer(&lanes, data, &id);
	if (is_doubted) {
		be_doubted(1);
		lane_scene_expect(&lanes, MESSAGE_AGAIN);
	}
	if (is_revoked) {
		scene_revise_identity("alice", NULL);
		scene_wait(has_no_tunnel, &lanes);
	} else {
		make_stale(lane_scene_offered(1)->link.stream);
	}
	lane_scene_opened(data);
	ck_assert_int_eq(scene_hear(data, &message), HEARD_RESET);
	ck_assert_uint_eq(scene.workers[1].relays.count, 0);
	ck_assert_uint_eq(n_waiting(), is_revoked ? 0 : 1);
	ck_assert_int_eq(scene_refusals(REFUSED_CLIENT_LOST), before + is_revoked);
	if (!is_revoked) { /* its client may take the visitor elsewhere */
		lane_scene_expect(&lanes, MESSAGE_AGAIN);
	}
	close(data);
	close(visitor);
	lane_scene_close(&lanes);
}

START_TEST(an_answer_comes_too_late_for_a_client_without_rights)
{
	for (int how = 0; how < 4; how++)
		answer_without_rights(how & 1, how & 2);
}
END_TEST

/* ---- workers on threads of their own ---- */

static void read_exactly(int fd, const char *expected, size_t len)
{
	char got[16];

	for (size_t n = 0; n < len;) {
		ssize_t part;

		ck_assert_int_eq(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 10000), 1);
		part = recv(fd, got + n, len - n, MSG_DONTWAIT);
		ck_assert_int_gt(part, 0);
		n += (size_t)part;
	}
	ck_assert_mem_eq(got, expected, len);
}

static void write_all(int fd, const void *bytes, size_t len)
{
	ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void write_message(int fd, const struct message *message)
{
	char frame[FRAME_MAX + 1];

	write_all(fd, frame, message_format(message, frame));
}

/* A visitor that comes before its connection is back has been announced, and is asked for. */
static bool take_next(const struct lane_scene *lanes, int data)
{
	struct pollfd ready[] = { { data, POLLIN, 0 }, { lanes->client, POLLIN, 0 } };
	struct message message;

	ck_assert_int_gt(poll(ready, 2, 10000), 0);
	if (ready[0].revents) {
		scene_expect(data, MESSAGE_OPEN);
		write_message(data, &(struct message){ .type = MESSAGE_OPENED });
		return true;
	}
	if (scene_hear_news(lanes->client, &message) == HEARD_MESSAGE) {
		ck_assert_int_eq(message.type, MESSAGE_CONNECTION);
		write_message(data, &(struct message){ .type = MESSAGE_CARRY,
		                                       .id = message.id,
		                                       .pass = lanes->pass });
		read_exactly(data, "\"Accepted\"", 11);
		return true;
	}
	return false;
}

static void serve_one(const struct lane_scene *lanes, int data)
{
	spore_addr addr = scene_addr("127.0.0.1", lanes->port);
	int visitor = sockets_dial(&addr);

	while (!take_next(lanes, data))
		;
	write_all(visitor, "from", 4);
	read_exactly(data, "\1\0\0\4from", 8);
	write_all(data, "\1\0\0\2to\2\0\0", 10);
	read_exactly(visitor, "to", 2);
	close(visitor);
	read_exactly(data, "\2\0\0\0", 4);
}

START_TEST(visitors_are_handed_over_between_threads)
{
	struct scene_thread threads[SCENE_WORKERS];
	struct lane_scene lanes;
	int data;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, NULL);
	scene_start_threads(threads);
	for (int i = 0; i < 200; i++)
		serve_one(&lanes, data);
	scene_join_threads(threads);
	close(data);
	lane_scene_close(&lanes);
}
END_TEST

/* ---- the server's end ---- */

/* Nothing is left, and nobody is announced: see scene_close. */
START_TEST(the_server_may_end_while_a_visitor_is_handed_over)
{
	for (int how = 0; how < 4; how++) {
		struct lane_scene lanes;
		struct uuid id;
		int data, visitor;

		scene_open(SCENE_OPEN);
		lanes = lane_scene_open(how % 2, NULL, MESSAGE_WANTS_OPEN);
		data = lane_scene_add(&lanes, 1, NULL);
		visitor = lane_scene_offer(&lanes, data, &id);
		if (how >= 2) {
			be_doubted(1);
			lane_scene_expect(&lanes, MESSAGE_AGAIN);
		}
		lane_scene_close(&lanes);
		ck_assert_int_eq(recv(visitor, (char[1]){ 0 }, 1, MSG_DONTWAIT), 0);
		close(visitor);
		close(data);
		ck_assert_int_eq(scene_all_refusals(), 0);
	}
}
END_TEST

START_TEST(the_server_may_end_while_a_visitor_comes_to_a_connection)
{
	struct lane_scene lanes;
	int data, visitor;

	scene_open(SCENE_OPEN);
	lanes = lane_scene_open(0, NULL, MESSAGE_WANTS_OPEN);
	data = lane_scene_add(&lanes, 1, NULL);
	scene.stalled[1] = true;
	visitor = scene_visit(lanes.port);
	scene_close();
	ck_assert_int_eq(recv(visitor, (char[1]){ 0 }, 1, MSG_DONTWAIT), 0);
	close(visitor);
	close(lanes.client);
	close(data);
}
END_TEST

SUITE("data_connection", an_elder_gets_what_is_not_known, an_elder_gets_the_answer,
      an_elder_gets_nothing_after_a_wrong_answer, an_elder_that_does_not_read_gets_nothing,
      an_elder_gets_connections_of_a_banned_source, an_accept_is_no_try_of_a_banned_source,
      accept_takes_the_visitor, an_id_works_once, a_foreign_accept_costs_the_visitor_nothing,
      a_visitor_belongs_to_its_owner_alone, a_visitor_may_expire_while_its_accept_is_judged,
      of_two_accepts_one_gets_the_visitor, an_accept_that_goes_leaves_the_visitor,
      the_tunnel_may_end_while_an_accept_is_judged,
      a_connection_opened_ahead_hears_that_it_has_the_visitor,
      a_connection_is_judged_before_it_waits, a_connection_that_waits_keeps_nothing_of_its_login,
      a_pass_lets_no_stranger_wait, connections_opened_ahead_go_with_their_tunnel,
      a_claim_is_answered_if_it_takes_the_visitor, a_claim_is_judged_as_an_accept,
      a_claim_may_come_after_the_verdict, a_foreign_claim_costs_the_visitor_nothing,
      a_connection_that_waits_is_handed_one_visitor_after_another,
      the_client_is_told_the_visitors_address_if_it_wants,
      the_first_bytes_are_shown_with_the_visitor, many_first_bytes_arrive_once,
      the_services_first_bytes_may_come_behind_the_answer,
      a_visitor_whose_connection_ends_is_announced_with_all_its_bytes,
      a_late_answer_takes_the_visitor, a_late_answer_finds_a_visitor_that_was_taken,
      a_visitor_that_is_lost_after_a_doubt_is_announced_once_more,
      a_visitor_that_was_taken_is_announced_no_more,
      a_client_that_has_the_visitor_ends_it_once_it_is_lost,
      a_visitor_that_was_only_announced_is_not_taken, a_foreign_client_ends_no_visitor,
      a_request_that_crosses_a_handover_is_ignored,
      the_tunnel_may_end_while_a_visitor_is_handed_over,
      a_visitor_in_doubt_ends_with_its_tunnel_and_its_connection,
      a_client_that_does_not_want_it_is_handed_no_visitor,
      a_connection_opened_ahead_is_handed_its_first_visitor,
      a_visitor_for_whom_no_connection_is_left_is_announced,
      the_connection_that_was_used_last_is_handed_the_visitor,
      a_connection_may_go_while_a_visitor_comes_to_it,
      the_tunnel_may_end_while_a_visitor_comes_to_a_connection,
      a_connection_of_an_account_that_has_left_is_handed_no_visitor,
      a_connection_whose_transport_is_stale_is_handed_no_visitor,
      a_connection_of_another_principal_is_handed_no_visitor,
      a_visitor_that_is_handed_over_is_announced_after_a_change_of_owner,
      a_connection_that_was_handed_a_visitor_before_a_reload_has_no_other,
      an_answer_comes_too_late_for_a_client_without_rights,
      the_server_may_end_while_a_visitor_is_handed_over,
      the_server_may_end_while_a_visitor_comes_to_a_connection,
      a_client_that_wants_no_other_visitor_is_handed_none, visitors_are_handed_over_between_threads)
