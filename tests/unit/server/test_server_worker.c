#include "server/server_worker.h"

#include "scene/server_scene.h"
#include "suite.h"

/* Through the listener; the client's end. */
static int dial(int worker)
{
	int fd = sockets_dial(&scene.control[worker]);

	scene_run();
	return fd;
}

static bool is_closed(const spore_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(addr, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool refused = connect(fd, (struct sockaddr *)&sa, len) < 0;

	close(fd);
	return refused;
}

START_TEST(each_worker_accepts_at_its_socket)
{
	int one, two;

	scene_open(SCENE_NAMES);
	one = dial(0);
	two = dial(1);
	scene_expect(one, MESSAGE_CHALLENGE);
	scene_expect(two, MESSAGE_CHALLENGE);
	for (int i = 0; i < SCENE_WORKERS; i++)
		ck_assert_uint_eq(scene.workers[i].sessions[LIST_NEWCOMERS].count, 1);
	ck_assert_uint_eq(scene.shared.strangers, 2);
	close(one);
	close(two);
	scene_close();
}
END_TEST

static bool is_heard(void *fd)
{
	char byte;

	return recv(*(int *)fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

START_TEST(tunnels_hear_heartbeats)
{
	int fd;

	scene_open(SCENE_OPEN);
	fd = dial(0);
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	ck_assert(run_until_within(scene.loops[0], 2000, is_heard, &fd));
	scene_expect(fd, MESSAGE_HEARTBEAT);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(a_renewed_worker_may_listen_elsewhere)
{
	spore_addr old, now;
	struct server_worker_terms terms = { .limits = &scene.limits };
	int before, after;

	scene_open(SCENE_NAMES);
	old = scene.control[0];
	before = dial(0);
	terms.set = scene_set(SCENE_OPEN);
	terms.sockets = scene_sockets(&now);
	server_worker_renew(&scene.workers[0], &terms);
	ck_assert(is_closed(&old));
	scene.control[0] = now;
	after = dial(0);
	scene_expect(before, MESSAGE_CHALLENGE);
	scene_hello(after, 0);
	scene_expect_tunnel(after);
	close(before);
	close(after);
	scene_close();
}
END_TEST

START_TEST(a_renewed_worker_has_other_limits)
{
	struct server_worker_terms terms = { 0 };
	struct limits limits;

	scene_open(SCENE_OPEN);
	limits = scene.limits;
	limits.strangers = 77;
	limits.settings.relay_idle_timeout = 1234;
	terms.set = scene.set;
	terms.limits = &limits;
	server_worker_renew(&scene.workers[0], &terms);
	ck_assert_uint_eq(server_worker_limits(&scene.workers[0])->strangers, 77);
	ck_assert_int_eq(*scene.workers[0].relays.idle_ms, 1234);
	ck_assert_uint_ne(server_worker_limits(&scene.workers[1])->strangers, 77);
	ck_assert_uint_eq(scene.workers[0].relays.most_held, 256 * 1024);
	scene_close();
}
END_TEST

#define QUICK                                                                                      \
	"{\"server\": {\"bind_addr\": \"127.0.0.1\", \"keepalive_data\": \"1s\", "                 \
	"\"keepalive_visitors\": 0, \"peer_timeout\": \"3s\"}}"

START_TEST(a_renewed_worker_watches_its_peers_otherwise)
{
	const struct relay_watch *watch = &scene.workers[0].relays.watch;

	scene_open(SCENE_OPEN);
	ck_assert_int_eq(watch->keepalive_ms[0], 20000);
	ck_assert_int_eq(watch->keepalive_ms[1], 20000);
	ck_assert_int_eq(watch->timeout_ms, 120000);
	scene_renew(QUICK);
	ck_assert_int_eq(watch->keepalive_ms[0], 1000);
	ck_assert_int_eq(watch->keepalive_ms[1], 0);
	ck_assert_int_eq(watch->timeout_ms, 3000);
	scene_close();
}
END_TEST

START_TEST(a_renewal_ends_who_waits_for_a_visitor)
{
	struct ahead_pass *pass;
	int fd;

	scene_open(SCENE_OPEN);
	fd = dial(0);
	pass = scene_issue(scene_last(LIST_NEWCOMERS)->source);
	scene_ahead(fd, ahead_id(pass));
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_WAITING].count, 1);
	scene_renew(SCENE_OPEN);
	scene_expect_end(fd);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_WAITING].count, 0);
	scene_withdraw(pass);
	scene_close();
}
END_TEST

START_TEST(a_draining_worker_still_hands_out_visitors)
{
	spore_addr public;
	struct uuid id;
	int client, data, visitor;

	scene_open(SCENE_OPEN);
	client = dial(0);
	scene_hello(client, 0);
	public = scene_addr("127.0.0.1", scene_expect_tunnel(client));
	visitor = scene_visit(public.port);
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	server_worker_drain(&scene.workers[0]);
	ck_assert(is_closed(&public));
	data = dial(0);
	scene_accept(data, &id);
	ck_assert_uint_eq(scene.workers[0].relays.count, 1);
	server_worker_stop_listening(&scene.workers[0]);
	server_worker_stop_listening(&scene.workers[0]);
	ck_assert(is_closed(&scene.control[0]));
	scene_expect_nothing(client);
	close(client);
	close(data);
	close(visitor);
	scene_close();
}
END_TEST

START_TEST(closing_ends_all)
{
	int tunnel, newcomer, visitor;

	scene_open(SCENE_OPEN);
	tunnel = dial(0);
	scene_hello(tunnel, 0);
	visitor = scene_visit(scene_expect_tunnel(tunnel));
	scene_expect(tunnel, MESSAGE_CONNECTION);
	newcomer = dial(0);
	scene_close();
	scene_expect_end(tunnel);
	scene_expect_end(newcomer);
	close(visitor);
}
END_TEST

SUITE("server_worker", each_worker_accepts_at_its_socket, tunnels_hear_heartbeats,
      a_renewed_worker_may_listen_elsewhere, a_renewed_worker_has_other_limits,
      a_renewed_worker_watches_its_peers_otherwise, a_renewal_ends_who_waits_for_a_visitor,
      a_draining_worker_still_hands_out_visitors, closing_ends_all)
