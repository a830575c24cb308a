#include "session/tunnel.h"

#include "scene/server_scene.h"
#include "suite.h"
#include "verdict/allowance.h"
#include "wire/about.h"

/* A session whose link the tunnels of a test use; they are its tests', not its own. */
static int client;
static struct server_session *s;
static const struct about nothing; /* is what it says */

static void begin(const char *config)
{
	scene_open(config);
	client = scene_connect();
	s = scene_last(LIST_NEWCOMERS);
}

static struct tunnel *open_tunnel(uint16_t wanted, struct limit_hit *hit_out)
{
	struct tunnel *tunnel;
	struct allowance *allowance = NULL;

	tunnel = tunnel_open(s->worker, &s->link, s->source, &nothing, &allowance,
	                     (struct tunnel_port){ .wanted = wanted }, hit_out);
	scene_run();
	return tunnel;
}

static struct tunnel *open_any(void)
{
	struct limit_hit hit;
	struct tunnel *tunnel = open_tunnel(0, &hit);

	ck_assert_ptr_nonnull(tunnel);
	ck_assert_uint_eq(scene_expect_tunnel(client), tunnel_account(tunnel)->port);
	return tunnel;
}

static void end_with(struct tunnel *tunnel)
{
	tunnel_close(tunnel, SPORE_END_CLOSED);
	close(client);
	scene_close();
}

static int try_to_connect(uint16_t port)
{
	spore_addr addr = scene_addr("127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&addr, &sa);

	if (connect(fd, (struct sockaddr *)&sa, len) == 0)
		return fd;
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
	return -1;
}

START_TEST(a_client_is_told_of_its_port)
{
	struct tunnel *tunnel;

	begin(SCENE_OPEN);
	tunnel = open_any();
	ck_assert_uint_gt(tunnel_account(tunnel)->id, 0);
	ck_assert_ptr_eq(tunnel_account(tunnel)->home, s->worker);
	ck_assert_int_ge(tunnel_age_ms(tunnel), 0);
	ck_assert_int_lt(tunnel_age_ms(tunnel), 5000);
	ck_assert_int_eq(scene_metric("spore_tunnels_opened_total"), 1);
	ck_assert_int_eq(scene_metric("spore_identity_tunnels"), 1);
	ck_assert_ptr_eq(
		account_holder(&scene.shared.principals, NULL, 0, tunnel_account(tunnel)->port),
		s->worker);
	end_with(tunnel);
}
END_TEST

START_TEST(a_port_may_be_refused)
{
	struct tunnel *tunnel;
	struct limit_hit hit;

	begin(SCENE_OPEN);
	tunnel = open_any();
	ck_assert_ptr_null(open_tunnel(tunnel_account(tunnel)->port, &hit));
	ck_assert_int_eq(hit.why, REFUSED_PORT_IN_USE);
	ck_assert_ptr_null(open_tunnel(1, &hit));
	ck_assert_int_eq(hit.why, REFUSED_PORT_NOT_ALLOWED);
	scene.workers[0].limits.settings.max_tunnels = 1;
	ck_assert_ptr_null(open_tunnel(0, &hit));
	ck_assert_int_eq(hit.why, REFUSED_TOO_MANY_TUNNELS);
	scene_expect_nothing(client);
	ck_assert_uint_eq(scene.shared.principals.tunnels, 1);
	end_with(tunnel);
}
END_TEST

/* An ALLOW of the scene's auth instance. */
static struct allowance *allow(const spore_auth_result *result)
{
	struct instance *by = scene.set->chains[CHAIN_AUTH]->items[0];
	struct allowance *allowance = allowance_new(by, s->worker->loop, 1);

	ck_assert(allowance && allowance_give(allowance, grant_new(result), ticks_own()));
	return allowance;
}

START_TEST(an_allowance_goes_to_the_tunnel)
{
	struct allowance *allowance;
	struct tunnel *tunnel;
	struct limit_hit hit;

	begin(SCENE_NAMES);
	scene_expect(client, MESSAGE_CHALLENGE);
	allowance = allow(
		&(spore_auth_result){ .struct_size = sizeof(spore_auth_result), .session = 5 });
	tunnel = tunnel_open(s->worker, &s->link, s->source, &nothing, &allowance,
	                     (struct tunnel_port){ 0 }, &hit);
	ck_assert_ptr_nonnull(tunnel);
	ck_assert_ptr_null(allowance);
	ck_assert_uint_eq(tunnel_account(tunnel)->principal->session, 5);
	ck_assert_uint_eq(tunnel_allowance(tunnel)->grant->session, 5);
	end_with(tunnel);
}
END_TEST

START_TEST(a_visitor_is_announced_and_waits)
{
	struct visitor visitor;
	struct tunnel *tunnel;
	struct uuid id;
	int fd;

	begin(SCENE_OPEN);
	tunnel = open_any();
	fd = scene_visit(tunnel_account(tunnel)->port);
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	ck_assert_uint_eq(pending_count(scene.shared.pending), 1);
	ck_assert_uint_eq(tunnel_account(tunnel)->pending, 1);
	ck_assert_int_eq(scene_metric("spore_connections_incoming_total"), 1);
	ck_assert(pending_take(scene.shared.pending, &id, &scene.limits, &visitor));
	ck_assert_ptr_eq(visitor.account, tunnel_account(tunnel));
	ck_assert_int_eq(visitor.deadline_ms - visitor.since_ns / 1000000, 10000);
	visitor_drop(&visitor);
	close(fd);
	end_with(tunnel);
}
END_TEST

/* Nobody waits for a client that has said that it cannot. */
START_TEST(a_visitor_that_is_declined_ends_at_once)
{
	struct uuid id, unknown = { { 1 } };
	struct tunnel *tunnel;
	int fd;

	begin(SCENE_OPEN);
	tunnel = open_any();
	fd = scene_visit(tunnel_account(tunnel)->port);
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	tunnel_decline(tunnel, &unknown, REFUSED_DECLINED);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 1);
	ck_assert_int_eq(recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
	tunnel_decline(tunnel, &id, REFUSED_DECLINED);
	tunnel_decline(tunnel, &id, REFUSED_DECLINED);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	ck_assert_uint_eq(tunnel_account(tunnel)->pending, 0);
	ck_assert_int_eq(recv(fd, &(char){ 0 }, 1, 0), 0);
	ck_assert_int_eq(scene_refusals(REFUSED_DECLINED), 1);
	close(fd);
	end_with(tunnel);
}
END_TEST

/* Unread bytes would turn the end into a reset. */
START_TEST(a_visitor_without_a_service_ends_in_order)
{
	struct tunnel *tunnel;
	struct uuid id;
	int fd;

	begin(SCENE_OPEN);
	tunnel = open_any();
	fd = scene_visit(tunnel_account(tunnel)->port);
	ck_assert_int_eq(send(fd, "hello", 5, 0), 5);
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	tunnel_decline(tunnel, &id, REFUSED_UNSERVED);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	scene_run();
	ck_assert_int_eq(recv(fd, &(char){ 0 }, 1, 0), 0);
	ck_assert_int_eq(scene_refusals(REFUSED_UNSERVED), 1);
	close(fd);
	end_with(tunnel);
}
END_TEST

/* The server has reset its connection for the visitor. */
START_TEST(a_client_that_was_turned_away_is_not_blamed)
{
	struct tunnel *tunnel;
	struct uuid id;
	int fd;

	begin(SCENE_OPEN);
	tunnel = open_any();
	fd = scene_visit(tunnel_account(tunnel)->port);
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	source_turn_away(s->source, clock_ms());
	tunnel_decline(tunnel, &id, REFUSED_DECLINED);
	ck_assert_int_eq(scene_refusals(REFUSED_CUT_OFF), 1);
	ck_assert_int_eq(scene_refusals(REFUSED_DECLINED), 0);
	close(fd);
	end_with(tunnel);
}
END_TEST

START_TEST(where_there_is_no_room_visitors_wait_in_the_queue)
{
	struct visitor visitor;
	struct tunnel *tunnel;
	struct uuid id;
	int first, second;

	begin(SCENE_OPEN);
	scene.workers[0].limits.settings.max_pending_per_tunnel = 1;
	tunnel = open_any();
	first = scene_visit(tunnel_account(tunnel)->port);
	second = scene_visit(tunnel_account(tunnel)->port);
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	scene_expect_nothing(client);
	ck_assert(pending_take(scene.shared.pending, &id, &scene.workers[0].limits, &visitor));
	visitor_drop(&visitor);
	scene_run();
	scene_expect(client, MESSAGE_CONNECTION);
	close(first);
	close(second);
	end_with(tunnel);
}
END_TEST

START_TEST(a_visitor_too_many_is_refused)
{
	struct tunnel *tunnel;
	int first, second;
	char byte;

	begin(SCENE_OPEN);
	scene.workers[0].limits.settings.max_visitors_per_ip = 1;
	tunnel = open_any();
	first = scene_visit(tunnel_account(tunnel)->port);
	scene_expect(client, MESSAGE_CONNECTION);
	second = scene_visit(tunnel_account(tunnel)->port);
	scene_expect_nothing(client);
	ck_assert_int_eq(recv(second, &byte, 1, 0), 0);
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE_FULL), 1);
	close(first);
	close(second);
	end_with(tunnel);
}
END_TEST

/* A visitor of a routed port for the tunnel of this account. */
static int admit(struct account *account)
{
	struct visitor visitor = { .account = account_ref(account),
		                   .peer = scene_addr("127.0.0.1", 4711),
		                   .port = 443,
		                   .since_ns = clock_ns() };
	int fds[2];

	sockets_tcp_pair(fds);
	visitor.fd = fds[1];
	tunnel_admit(&visitor);
	scene_run();
	return fds[0];
}

static bool is_reset(int fd)
{
	return recv(fd, &(char){ 0 }, 1, 0) < 0 && errno == ECONNRESET;
}

START_TEST(a_visitor_of_a_routed_port_waits_as_any_other)
{
	struct visitor visitor;
	struct tunnel *tunnel;
	struct uuid id;
	int fd;

	begin(SCENE_OPEN);
	tunnel = open_any();
	fd = admit(tunnel_account(tunnel));
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	ck_assert(pending_take(scene.shared.pending, &id, &scene.workers[0].limits, &visitor));
	ck_assert_ptr_eq(visitor.account, tunnel_account(tunnel));
	visitor_drop(&visitor);
	close(fd);
	end_with(tunnel);
}
END_TEST

START_TEST(a_visitor_of_a_routed_port_needs_room)
{
	struct tunnel *tunnel;
	int first, second;

	begin(SCENE_OPEN);
	scene.workers[0].limits.settings.max_pending_per_tunnel = 1;
	tunnel = open_any();
	first = admit(tunnel_account(tunnel));
	scene_expect(client, MESSAGE_CONNECTION);
	second = admit(tunnel_account(tunnel));
	scene_expect_nothing(client);
	ck_assert(is_reset(second));
	ck_assert_int_eq(scene_refusals(REFUSED_PENDING), 1);
	close(first);
	close(second);
	end_with(tunnel);
}
END_TEST

START_TEST(a_visitor_of_a_routed_port_needs_a_service)
{
	struct message down = { .type = MESSAGE_READY, .close = true };
	struct tunnel *tunnel;
	int fd;

	begin(SCENE_OPEN);
	tunnel = open_any();
	ck_assert(tunnel_set_ready(tunnel, &down));
	fd = admit(tunnel_account(tunnel));
	scene_expect_nothing(client);
	ck_assert(is_reset(fd));
	ck_assert_int_eq(scene_refusals(REFUSED_UNSERVED), 1);
	close(fd);
	end_with(tunnel);
}
END_TEST

/* It was found by its name on another worker, and ended before the visitor came. */
START_TEST(a_visitor_of_a_routed_port_needs_a_tunnel)
{
	struct tunnel *tunnel;
	struct account *account;
	int fd;

	begin(SCENE_OPEN);
	tunnel = open_any();
	account = account_ref(tunnel_account(tunnel));
	tunnel_close(tunnel, SPORE_END_CLOSED);
	fd = admit(account);
	ck_assert(is_reset(fd));
	ck_assert_int_eq(scene_refusals(REFUSED_CLIENT_LOST), 1);
	account_unref(account);
	close(fd);
	close(client);
	scene_close();
}
END_TEST

START_TEST(a_closed_port_accepts_nobody)
{
	struct tunnel *tunnel;
	uint16_t port;

	begin(SCENE_OPEN);
	tunnel = open_any();
	port = tunnel_account(tunnel)->port;
	tunnel_stop_accepting(tunnel);
	tunnel_stop_accepting(tunnel);
	ck_assert_int_eq(try_to_connect(port), -1);
	ck_assert_uint_eq(tunnel_take_port(tunnel).n, 0);
	end_with(tunnel);
	tunnel_close(NULL, SPORE_END_CLOSED);
}
END_TEST

START_TEST(a_port_moves_to_another_tunnel)
{
	struct tunnel *tunnel, *successor;
	struct allowance *allowance = NULL;
	struct limit_hit hit;
	struct sockets sockets;
	int visitor;
	uint16_t port;

	begin(SCENE_OPEN);
	tunnel = open_any();
	port = tunnel_account(tunnel)->port;
	sockets = tunnel_take_port(tunnel);
	ck_assert_uint_eq(sockets.n, 1);
	tunnel_close(tunnel, SPORE_END_CLOSED);
	visitor = try_to_connect(port);
	ck_assert_int_ge(visitor, 0);
	successor = tunnel_open(s->worker, &s->link, s->source, &nothing, &allowance,
	                        (struct tunnel_port){ .sockets = sockets }, &hit);
	ck_assert_ptr_nonnull(successor);
	scene_run();
	ck_assert_uint_eq(scene_expect_tunnel(client), port);
	scene_expect(client, MESSAGE_CONNECTION);
	close(visitor);
	end_with(successor);
}
END_TEST

/* A visitor that was announced to a connection that is gone. */
START_TEST(visitors_that_wait_are_announced_to_the_successor)
{
	struct tunnel *tunnel, *successor;
	struct allowance *allowance = NULL;
	struct limit_hit hit;
	struct uuid id, again;
	struct sockets sockets;
	int visitor;

	begin(SCENE_OPEN);
	tunnel = open_any();
	visitor = scene_visit(tunnel_account(tunnel)->port);
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	sockets = tunnel_take_port(tunnel);
	tunnel_close(tunnel, SPORE_END_CLOSED);
	successor = tunnel_open(s->worker, &s->link, s->source, &nothing, &allowance,
	                        (struct tunnel_port){ .sockets = sockets }, &hit);
	ck_assert_ptr_nonnull(successor);
	scene_run();
	scene_expect_tunnel(client);
	again = scene_expect(client, MESSAGE_CONNECTION).id;
	ck_assert(uuid_equal(&again, &id));
	tunnel_decline(successor, &id, REFUSED_DECLINED); /* they belong to it */
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	close(visitor);
	end_with(successor);
}
END_TEST

/* The port was closed meanwhile. */
static void reopen(bool by_name, bool announced)
{
	spore_auth_result five = { .struct_size = sizeof five, .session = 5 };
	struct allowance *allowances[2] = { NULL };
	struct tunnel *tunnel;
	struct limit_hit hit;
	uint16_t port = 0;
	int visitor = -1;

	begin(by_name ? SCENE_NAMES : SCENE_OPEN);
	if (by_name)
		scene_expect(client, MESSAGE_CHALLENGE);
	for (int i = 0; i < 2; i++) {
		allowances[i] = by_name ? allow(&five) : NULL;
		tunnel = tunnel_open(s->worker, &s->link, s->source, &nothing, &allowances[i],
		                     (struct tunnel_port){ .wanted = port }, &hit);
		ck_assert_ptr_nonnull(tunnel);
		scene_run();
		port = scene_expect_tunnel(client);
		if (i > 0)
			break;
		visitor = scene_visit(port);
		scene_expect(client, MESSAGE_CONNECTION);
		tunnel_close(tunnel, SPORE_END_CLOSED);
	}
	if (announced)
		scene_expect(client, MESSAGE_CONNECTION);
	scene_expect_nothing(client);
	close(visitor);
	end_with(tunnel);
}

START_TEST(visitors_that_wait_at_a_port_that_was_closed_have_one_owner)
{
	reopen(true, true);
	reopen(false, false);
}
END_TEST

START_TEST(another_owner_has_the_same_tunnel)
{
	spore_auth_result nine = { .struct_size = sizeof nine, .session = 9 };
	spore_auth_result none = { .struct_size = sizeof none,
		                   .session = 10,
		                   .fields = SPORE_AUTH_F_MAX_TUNNELS };
	spore_auth_result no_port = { .struct_size = sizeof no_port, .fields = SPORE_AUTH_F_PORTS };
	struct allowance *allowance;
	struct account *before;
	struct tunnel *tunnel;
	struct limit_hit hit;
	uint64_t id;
	int fd;

	begin(SCENE_NAMES);
	scene_expect(client, MESSAGE_CHALLENGE);
	tunnel = open_any();
	before = account_ref(tunnel_account(tunnel));
	id = before->id;
	fd = scene_visit(before->port);
	allowance = allow(&nine);
	ck_assert(tunnel_change_owner(tunnel, &allowance, &hit));
	ck_assert_ptr_null(allowance);
	ck_assert_ptr_ne(tunnel_account(tunnel), before);
	ck_assert_uint_eq(tunnel_account(tunnel)->id, id);
	ck_assert_uint_eq(tunnel_account(tunnel)->port, before->port);
	ck_assert_uint_eq(tunnel_account(tunnel)->principal->session, 9);
	ck_assert_uint_eq(before->pending, 1);            /* the visitor stays the old owner's */
	ck_assert_ptr_nonnull(account_announcer(before)); /* and its client can be told of it */
	ck_assert_uint_eq(tunnel_account(tunnel)->pending, 0);
	/* One that may not have a tunnel changes nothing. */
	allowance = allow(&none);
	ck_assert(!tunnel_change_owner(tunnel, &allowance, &hit));
	ck_assert_int_eq(hit.why, REFUSED_TOO_MANY_TUNNELS);
	allowance_end(allowance, SPORE_END_REFUSED, NULL);
	allowance = allow(&no_port);
	ck_assert(!tunnel_change_owner(tunnel, &allowance, &hit));
	ck_assert_int_eq(hit.why, REFUSED_PORT_NOT_ALLOWED);
	allowance_end(allowance, SPORE_END_REFUSED, NULL);
	ck_assert_uint_eq(tunnel_account(tunnel)->principal->session, 9);
	/* Without authentication there is no owner. */
	allowance = NULL;
	ck_assert(tunnel_change_owner(tunnel, &allowance, &hit));
	ck_assert_ptr_null(tunnel_allowance(tunnel));
	ck_assert_ptr_null(tunnel_account(tunnel)->principal->by);
	tunnel_close(tunnel, SPORE_END_CLOSED);
	ck_assert_ptr_null(account_announcer(before));
	account_unref(before);
	close(fd);
	close(client);
	scene_close();
}
END_TEST

SUITE("tunnel", a_client_is_told_of_its_port, a_port_may_be_refused,
      an_allowance_goes_to_the_tunnel, a_visitor_is_announced_and_waits,
      a_visitor_that_is_declined_ends_at_once, a_client_that_was_turned_away_is_not_blamed,
      a_visitor_without_a_service_ends_in_order, where_there_is_no_room_visitors_wait_in_the_queue,
      a_visitor_too_many_is_refused, a_visitor_of_a_routed_port_waits_as_any_other,
      a_visitor_of_a_routed_port_needs_room, a_visitor_of_a_routed_port_needs_a_service,
      a_visitor_of_a_routed_port_needs_a_tunnel, a_closed_port_accepts_nobody,
      a_port_moves_to_another_tunnel, visitors_that_wait_are_announced_to_the_successor,
      visitors_that_wait_at_a_port_that_was_closed_have_one_owner,
      another_owner_has_the_same_tunnel)
