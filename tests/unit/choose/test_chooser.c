#include "choose/chooser.h"

#include "scene/routed_scene.h"
#include "suite.h"

START_TEST(a_visitor_reaches_the_tunnel_of_its_name)
{
	struct visitor visitor;
	struct uuid id;
	int fd;

	routed_begin(ROUTED_PORT);
	fd = routed_visit("GET / HT");
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	ck_assert_int_gt(send(fd, "TP/1.1\r\nHost: A.example\r\n\r\n", 27, 0), 0);
	scene_run();
	id = scene_expect(routed.client, MESSAGE_CONNECTION).id;
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	ck_assert(pending_take(scene.shared.pending, &id, &scene.limits, &visitor));
	ck_assert_ptr_eq(visitor.account, tunnel_account(routed.tunnel));
	visitor_drop(&visitor);
	close(fd);
	routed_end();
}
END_TEST

START_TEST(visitors_without_a_tunnel_end_with_the_worker)
{
	int fd;

	routed_begin(ROUTED_PORT);
	fd = routed_visit("GET");
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	choosers_stop_accepting(&scene.workers[0]);
	choosers_stop_accepting(&scene.workers[0]);
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	choosers_close(&scene.workers[0]);
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	close(fd);
	routed_end();
}
END_TEST

static bool renew(const char *config, struct sockets *sockets)
{
	return choosers_renew(&scene.workers[0], scene_set(config), &scene.limits, sockets);
}

static bool is_open(uint16_t at)
{
	spore_addr addr = scene_addr("127.0.0.1", at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&addr, &sa);
	bool opened = connect(fd, (struct sockaddr *)&sa, len) == 0;

	close(fd);
	scene_run();
	return opened;
}

START_TEST(a_port_that_is_in_no_entry_closes)
{
	struct visitor visitor;
	int fds[2];

	routed_begin(ROUTED_PORT);
	fds[0] = routed_visit("GET / HT");
	scene.stalled[0] = true;
	fds[1] = scene_visit(routed.port); /* waits in the queue */
	scene.stalled[0] = false;
	ck_assert(renew(SCENE_OPEN, NULL));
	ck_assert(!is_open(routed.port));
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	ck_assert_int_eq(send(fds[0], "TP/1.1\r\nHost: A.example\r\n\r\n", 27, 0), 27);
	ck_assert_int_gt(
		send(fds[1], ROUTED_REQUEST("a.example"), strlen(ROUTED_REQUEST("a.example")), 0),
		0);
	for (int i = 0; i < 2; i++) {
		scene_run();
		visitor = routed_take_announced();
		visitor_drop(&visitor);
		close(fds[i]);
	}
	ck_assert(renew(SCENE_OPEN, NULL));
	ck_assert(list_is_empty(&scene.workers[0].choosers));
	routed_end();
}
END_TEST

START_TEST(a_port_may_move)
{
	struct visitor visitor;
	uint16_t before;
	int fd;

	routed_begin(ROUTED_PORT);
	before = routed.port;
	fd = routed_visit("GET / HT");
	routed_open_port();
	ck_assert(!is_open(before));
	ck_assert(is_open(routed.port));
	ck_assert(renew(ROUTED_PORT, NULL)); /* it stays */
	ck_assert(is_open(routed.port));
	ck_assert_int_eq(send(fd, "TP/1.1\r\nHost: A.example\r\n\r\n", 27, 0), 27);
	scene_run();
	visitor = routed_take_announced();
	visitor_drop(&visitor);
	close(fd);
	routed_end();
}
END_TEST

/* While visitors are held for the next server. */
START_TEST(a_closed_gate_leaves_visitors_in_the_kernel)
{
	struct sockets copies;
	unsigned n;
	int fd;

	routed_begin(ROUTED_PORT);
	gate_close(&scene.shared.gate);
	fd = routed_visit(ROUTED_REQUEST("a.example"));
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	ck_assert(choosers_copy(&scene.workers[0], &copies, 1, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(copies.n, 1);
	sock_close_all(&copies);
	ck_assert(!choosers_copy(&scene.workers[0], &copies, 0, &n));
	gate_open(&scene.shared.gate, &scene.limits);
	choosers_wake(&scene.workers[0]);
	scene_run();
	scene_expect(routed.client, MESSAGE_CONNECTION);
	close(fd);
	routed_end();
}
END_TEST

/* ---- the next server ---- */

/* Visitors that come back are found by the port, so it is the configuration's one. */
static void begin_at_free_port(const char *transport)
{
	spore_addr addr;
	char text[400];

	close(sockets_listen(&addr, 1));
	routed.wanted = addr.port;
	snprintf(text, sizeof text,
	         "{" SCENE_SERVER ", \"public\": [{\"listen_port\": %u, \"route\": [{\"use\": "
	         "\"http\"}]%s}]}",
	         routed.wanted, transport);
	routed_begin(text);
}

static void park_two(void *worker)
{
	choosers_park(worker, 2);
}

static void end_undecided(void *worker)
{
	choosers_end_undecided(worker);
}

static void on_worker(void (*fn)(void *worker))
{
	scene_call(0, fn, &scene.workers[0]);
	scene_run();
}

/* As the next server may leave them. */
static void change_options(int fd)
{
	struct linger linger = { 1, 0 };
	int low = 100;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low), 0);
}

static void check_options(int fd)
{
	struct linger linger = { 1, 1 };
	socklen_t len = sizeof linger;
	int low = 0;

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
	ck_assert_int_eq(linger.l_onoff, 0);
	len = sizeof low;
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, &len), 0);
	ck_assert_int_eq(low, 1);
}

START_TEST(visitors_of_whom_nothing_was_read_are_parked)
{
	struct server_worker *worker = &scene.workers[0];
	int fds[3], copies[2];

	begin_at_free_port("");
	for (int i = 0; i < 3; i++)
		fds[i] = routed_visit(i == 1 ? "GET / HT" : "");
	on_worker(park_two);
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_uint_eq(worker->n_parked, 2);
	ck_assert(choosers_copy_parked(worker, copies));
	ck_assert_int_gt(send(fds[1], "TP/1.1\r\nHost: a.example\r\n\r\n", 27, 0), 0);
	scene_run();
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	on_worker(end_undecided);
	ck_assert(routed_has_ended(fds[2]));
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	change_options(copies[0]);
	choosers_unpark(worker);
	check_options(copies[0]);
	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 1);
	scene_expect(routed.client, MESSAGE_CONNECTION);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	for (int i = 0; i < 2; i++)
		close(copies[i]);
	routed_end();
}
END_TEST

START_TEST(parked_visitors_may_be_left_to_the_next_server)
{
	struct server_worker *worker = &scene.workers[0];
	int fd, copy;

	begin_at_free_port("");
	fd = routed_visit("");
	on_worker(park_two);
	ck_assert(choosers_copy_parked(worker, &copy));
	choosers_drop_parked(worker);
	ck_assert_uint_eq(worker->n_parked, 0);
	scene_run();
	ck_assert_int_eq(
		send(fd, ROUTED_REQUEST("a.example"), strlen(ROUTED_REQUEST("a.example")), 0),
		strlen(ROUTED_REQUEST("a.example")));
	choosers_receive(worker, copy); /* as the next server does */
	scene_run();
	scene_expect(routed.client, MESSAGE_CONNECTION);
	close(fd);
	routed_end();
}
END_TEST

START_TEST(a_visitor_is_parked_before_the_first_byte_of_a_transport)
{
	int fd;

	begin_at_free_port(", \"transport\": [{\"use\": \"proxy\", \"trusted\": [\"127.0.0.1\"]}]");
	fd = routed_visit("");
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	on_worker(park_two);
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	ck_assert_uint_eq(scene.workers[0].n_parked, 1);
	close(fd);
	routed_end();
}
END_TEST

/* The transport cannot begin again. */
START_TEST(a_visitor_is_not_parked_after_the_first_byte_of_a_transport)
{
	int fd;

	begin_at_free_port(
		", \"transport\": [{\"use\": \"xor\", \"key\": 90, \"handshake\": \"byte\"}]");
	fd = routed_visit("");
	routed_greet(fd);
	on_worker(park_two);
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_uint_eq(scene.workers[0].n_parked, 0);
	on_worker(end_undecided);
	ck_assert(routed_has_ended(fd));
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	close(fd);
	routed_end();
}
END_TEST

START_TEST(a_visitor_of_another_port_is_not_received)
{
	int fds[2];

	begin_at_free_port("");
	sockets_tcp_pair(fds);
	choosers_receive(&scene.workers[0], fds[1]);
	ck_assert(routed_is_reset(fds[0]));
	close(fds[0]);
	routed_end();
}
END_TEST

static unsigned n_kept;

static void count_kept(void *arg, int fd, const char *name)
{
	(void)arg;
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(name, KEPT_ROUTED_NAME);
	n_kept++;
}

START_TEST(sockets_of_routed_ports_are_kept)
{
	struct keeper keeper = { .keep = count_kept };
	int fd;

	routed_begin(ROUTED_PORT);
	keeper.main_loop = scene.loops[0];
	scene.shared.keeper = &keeper;
	keeper_open(&keeper, true);
	fd = routed_visit(ROUTED_REQUEST("a.example"));
	choosers_leave_ports(&scene.workers[0]);
	choosers_leave_ports(&scene.workers[0]);
	scene_run();
	ck_assert_uint_eq(n_kept, 1);
	ck_assert(!is_open(routed.port));
	scene_expect(routed.client, MESSAGE_CONNECTION);
	scene.shared.keeper = NULL;
	close(fd);
	routed_end();
}
END_TEST

SUITE("chooser", sockets_of_routed_ports_are_kept, visitors_of_whom_nothing_was_read_are_parked,
      parked_visitors_may_be_left_to_the_next_server,
      a_visitor_is_parked_before_the_first_byte_of_a_transport,
      a_visitor_is_not_parked_after_the_first_byte_of_a_transport,
      a_visitor_of_another_port_is_not_received, a_closed_gate_leaves_visitors_in_the_kernel,
      a_port_may_move, a_port_that_is_in_no_entry_closes,
      visitors_without_a_tunnel_end_with_the_worker, a_visitor_reaches_the_tunnel_of_its_name)
