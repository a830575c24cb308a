#include "choose/chooser.h"

#include "chain/transport.h"
#include "net/stream.h"
#include "scene/server_scene.h"
#include "session/tunnel.h"
#include "suite.h"
#include "verdict/allowance.h"
#include "wire/about.h"

#define LIMITS "\"limits\": {\"max_handshakes_per_ip\": 2}"
#define SHARED                                                                                     \
	"{" SCENE_SERVER ", " LIMITS                                                               \
	", \"public\": [{\"listen_port\": 443, \"route\": [{\"use\": \"http\"}]}]}"
/* The transport opens once the visitor has sent SCENE_GREETING. */
#define BEHIND(settings)                                                                           \
	"{" SCENE_SERVER ", " LIMITS ", \"public\": [{\"listen_port\": 443, \"route\": "           \
	"[{\"use\": \"http\"}], \"transport\": [{\"use\": \"xor\", \"key\": 90, "                  \
	"\"handshake\": \"byte\"" settings "}]}]}"
#define REQUEST(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"

static int client;
static uint16_t port; /* the shared one */
static struct tunnel *tunnel;
static struct names_claim *claim;
static const struct about nothing;

/* The configuration's port may be in use, so the sockets have another one. */
static void open_routed_port(void)
{
	spore_addr addr = scene_addr("127.0.0.1", 0);
	spore_list list = { &addr, 1, sizeof addr };
	struct sock_sizes sizes = { 0 };
	struct sockets sockets;
	struct err err;
	size_t at_fault;

	ck_assert(sock_listen_all(&list, 0, false, false, &sizes, &sockets, &at_fault, &err));
	sock_local_addr(sockets.fds[0], &addr);
	port = addr.port;
	ck_assert(choosers_renew(&scene.workers[0], scene.set, &scene.limits, &sockets));
}

static void begin(const char *config)
{
	static const char *const hosts[] = { "a.example" };
	struct allowance *allowance = NULL;
	struct names_clash clash;
	struct server_session *s;
	struct limit_hit hit;

	scene_open(config);
	client = scene_connect();
	s = scene_last(LIST_NEWCOMERS);
	tunnel = tunnel_open(s->worker, &s->link, s->source, &nothing, &allowance,
	                     (struct tunnel_port){ 0 }, &hit);
	ck_assert_ptr_nonnull(tunnel);
	scene_run();
	scene_expect_tunnel(client);
	ck_assert_int_eq(
		names_claim(scene.shared.names, tunnel_account(tunnel), hosts, 1, &claim, &clash),
		NAMES_CLAIMED);
	open_routed_port();
}

static void end(void)
{
	names_release(claim);
	tunnel_close(tunnel, SPORE_END_CLOSED);
	close(client);
	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	scene_close();
}

static int visit(const char *first)
{
	int fd = scene_visit(port);

	ck_assert_int_eq(send(fd, first, strlen(first), 0), (ssize_t)strlen(first));
	scene_run();
	return fd;
}

static bool is_reset(int fd)
{
	scene_run();
	return recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
}

START_TEST(a_visitor_reaches_the_tunnel_of_its_name)
{
	struct visitor visitor;
	struct uuid id;
	int fd;

	begin(SHARED);
	fd = visit("GET / HT");
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	ck_assert_int_gt(send(fd, "TP/1.1\r\nHost: A.example\r\n\r\n", 27, 0), 0);
	scene_run();
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	ck_assert(pending_take(scene.shared.pending, &id, &scene.limits, &visitor));
	ck_assert_ptr_eq(visitor.account, tunnel_account(tunnel));
	visitor_drop(&visitor);
	close(fd);
	end();
}
END_TEST

START_TEST(a_visitor_without_a_tunnel_is_reset)
{
	int fds[3];

	begin(SHARED);
	fds[0] = visit(REQUEST("b.example"));
	fds[1] = visit("SSH-2.0-x\r\n");
	fds[2] = visit("GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n");
	for (int i = 0; i < 3; i++) {
		ck_assert(is_reset(fds[i]));
		close(fds[i]);
	}
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_HOST), 1);
	ck_assert_int_eq(scene_refusals(REFUSED_NO_HOST), 1);
	ck_assert_int_eq(scene_refusals(REFUSED_BAD_START), 1);
	end();
}
END_TEST

START_TEST(a_source_has_few_visitors_without_a_tunnel)
{
	int fds[3];

	begin(SHARED);
	for (int i = 0; i < 3; i++)
		fds[i] = scene_visit(port);
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	ck_assert(is_reset(fds[2]));
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKES), 1);
	close(fds[0]); /* has left by itself */
	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	close(fds[1]);
	close(fds[2]);
	end();
}
END_TEST

START_TEST(visitors_without_a_tunnel_end_with_the_worker)
{
	int fd;

	begin(SHARED);
	fd = visit("GET");
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	choosers_stop_accepting(&scene.workers[0]);
	choosers_stop_accepting(&scene.workers[0]);
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	choosers_close(&scene.workers[0]);
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	close(fd);
	end();
}
END_TEST

static struct visitor take_announced(void)
{
	struct uuid id = scene_expect(client, MESSAGE_CONNECTION).id;
	struct visitor visitor;

	ck_assert(pending_take(scene.shared.pending, &id, &scene.limits, &visitor));
	ck_assert_ptr_eq(visitor.account, tunnel_account(tunnel));
	ck_assert_uint_eq(visitor.port, 443);
	return visitor;
}

/* ---- behind a transport ---- */

static void send_xored(int fd, const char *text)
{
	for (size_t i = 0; i < strlen(text); i++)
		ck_assert_int_eq(send(fd, &(char){ (char)(text[i] ^ 90) }, 1, 0), 1);
	scene_run();
}

static void greet(int fd)
{
	ck_assert_int_eq(send(fd, &(char){ SCENE_GREETING }, 1, 0), 1);
	scene_run();
}

/* The transport has sent a byte of its own. */
static bool has_ended(int fd)
{
	ssize_t n;

	scene_run();
	do
		n = recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT);
	while (n > 0);
	return n == 0 || errno == ECONNRESET;
}

struct reading {
	struct stream *stream;
	char got[256];
	size_t n;
};

static void read_all(void *arg)
{
	struct reading *reading = arg;
	size_t n;

	while (stream_read(reading->stream, reading->got + reading->n,
	                   sizeof reading->got - reading->n, &n) == STREAM_OK)
		reading->n += n;
}

static void attach(void *arg)
{
	ck_assert(transport_attach(((struct reading *)arg)->stream, scene.loops[0]));
}

/* The stream of the visitor begins with its first byte. */
static void expect_bytes(struct visitor *visitor, const char *text)
{
	struct reading reading = { .stream = visitor->stream };

	ck_assert_ptr_nonnull(visitor->stream);
	scene_call(0, attach, &reading);
	for (int i = 0; i < 100 && reading.n < strlen(text); i++)
		scene_call(0, read_all, &reading);
	ck_assert_uint_eq(reading.n, strlen(text));
	ck_assert_mem_eq(reading.got, text, reading.n);
}

static void check_behind(const char *config)
{
	struct visitor visitor;
	int fd;

	begin(config);
	fd = scene_visit(port);
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	greet(fd);
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	send_xored(fd, "GET / HT");
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	ck_assert_uint_eq(tunnel_account(tunnel)->inside, 0);
	send_xored(fd, "TP/1.1\r\nHost: A.example\r\n\r\nmore");
	visitor = take_announced();
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	ck_assert_uint_eq(tunnel_account(tunnel)->inside, 1);
	expect_bytes(&visitor, REQUEST("A.example") "more");
	visitor_drop(&visitor);
	ck_assert_uint_eq(tunnel_account(tunnel)->inside, 0);
	close(fd);
	end();
}

START_TEST(a_name_behind_a_transport_is_found)
{
	check_behind(BEHIND(""));
	check_behind(BEHIND(", \"chunk\": 3, \"hold\": 8, \"stutter\": true"));
}
END_TEST

START_TEST(a_visitor_behind_a_transport_may_get_no_tunnel)
{
	static const char *const first[] = { REQUEST("b.example"), "SSH-2.0-x\r\n", "\x01" };
	int fd;

	begin(BEHIND(""));
	for (int i = 0; i < 3; i++) {
		fd = scene_visit(port);
		greet(fd);
		send_xored(fd, first[i]);
		shutdown(fd, SHUT_WR);
		ck_assert(has_ended(fd));
		ck_assert_uint_eq(scene.shared.handshakes, 0);
		close(fd);
	}
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_HOST), 1);
	ck_assert_int_eq(scene_refusals(REFUSED_NO_HOST), 2);
	fd = scene_visit(port);
	ck_assert_int_eq(send(fd, "?", 1, 0), 1); /* the transport does not open */
	ck_assert(has_ended(fd));
	ck_assert_int_eq(scene_metric_of("spore_refusals_total", "public", "handshake"), 1);
	close(fd);
	end();
}
END_TEST

START_TEST(a_source_has_few_handshakes_without_a_tunnel)
{
	int fds[3];

	begin(BEHIND(""));
	for (int i = 0; i < 3; i++)
		fds[i] = scene_visit(port);
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	ck_assert(has_ended(fds[2]));
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKES), 1);
	greet(fds[0]); /* it is counted on */
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	scene_run();
	end();
}
END_TEST

START_TEST(visitors_behind_a_transport_end_with_the_worker)
{
	int fds[2];

	begin(BEHIND(""));
	for (int i = 0; i < 2; i++)
		fds[i] = scene_visit(port);
	greet(fds[1]);
	send_xored(fds[1], "GET");
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	choosers_close(&scene.workers[0]);
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	end();
}
END_TEST

/* ---- who may come ---- */

START_TEST(access_lists_are_asked_for_the_tunnel)
{
	int fd;

	begin(SHARED);
	scene.workers[0].set = scene_set(
		"{" SCENE_SERVER ", \"acl\": {\"public\": [{\"use\": \"cidr\", \"deny\": "
		"[\"127.0.0.1\"]}]}, \"public\": [{\"listen_port\": 443, \"route\": [{\"use\": "
		"\"http\"}]}]}");
	fd = visit(REQUEST("a.example"));
	ck_assert(is_reset(fd));
	ck_assert_int_eq(scene_metric_of("spore_refusals_total", "public", "access_list"), 1);
	scene.workers[0].set = scene.set;
	close(fd);
	end();
}
END_TEST

/* As behind a handshake at a port of the tunnel's own. */
START_TEST(where_there_is_no_room_visitors_are_refused)
{
	int fds[2];

	begin(SHARED);
	scene.workers[0].limits.settings.max_pending_per_tunnel = 1;
	for (int i = 0; i < 2; i++)
		fds[i] = visit(REQUEST("a.example"));
	ck_assert_uint_eq(tunnel_account(tunnel)->pending, 1);
	ck_assert(is_reset(fds[1]));
	ck_assert_int_eq(scene_refusals(REFUSED_PENDING), 1);
	ck_assert_uint_eq(tunnel_account(tunnel)->inside, 1);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	end();
}
END_TEST

START_TEST(a_tunnel_without_its_service_takes_no_visitor)
{
	int fd;

	begin(SHARED);
	ck_assert(tunnel_set_ready(tunnel, &(struct message){ .text = "down", .close = true }));
	fd = visit(REQUEST("a.example"));
	ck_assert(is_reset(fd));
	ck_assert_int_eq(scene_refusals(REFUSED_UNSERVED), 1);
	close(fd);
	end();
}
END_TEST

/* ---- ports that change ---- */

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

	begin(SHARED);
	fds[0] = visit("GET / HT");
	scene.stalled[0] = true;
	fds[1] = scene_visit(port); /* waits in the queue */
	scene.stalled[0] = false;
	ck_assert(renew(SCENE_OPEN, NULL));
	ck_assert(!is_open(port));
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	ck_assert_int_eq(send(fds[0], "TP/1.1\r\nHost: A.example\r\n\r\n", 27, 0), 27);
	ck_assert_int_gt(send(fds[1], REQUEST("a.example"), strlen(REQUEST("a.example")), 0), 0);
	for (int i = 0; i < 2; i++) {
		scene_run();
		visitor = take_announced();
		visitor_drop(&visitor);
		close(fds[i]);
	}
	ck_assert(renew(SCENE_OPEN, NULL));
	ck_assert(list_is_empty(&scene.workers[0].choosers));
	end();
}
END_TEST

START_TEST(a_port_may_move)
{
	struct visitor visitor;
	uint16_t before;
	int fd;

	begin(SHARED);
	before = port;
	fd = visit("GET / HT");
	open_routed_port();
	ck_assert(!is_open(before));
	ck_assert(is_open(port));
	ck_assert(renew(SHARED, NULL)); /* it stays */
	ck_assert(is_open(port));
	ck_assert_int_eq(send(fd, "TP/1.1\r\nHost: A.example\r\n\r\n", 27, 0), 27);
	scene_run();
	visitor = take_announced();
	visitor_drop(&visitor);
	close(fd);
	end();
}
END_TEST

/* A client of the server before may yet come. */
START_TEST(a_visitor_waits_for_its_tunnel)
{
	static const char *const hosts[] = { "late.example" };
	struct names_claim *late;
	struct names_clash clash;
	struct visitor visitor;
	struct uuid id;
	int fd;

	begin(SHARED);
	scene.shared.await_until_ms = INT64_MAX;
	fd = visit(REQUEST("late.example"));
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_HOST), 0);
	ck_assert_int_eq(
		names_claim(scene.shared.names, tunnel_account(tunnel), hosts, 1, &late, &clash),
		NAMES_CLAIMED);
	while (pending_count(scene.shared.pending) == 0)
		scene_run();
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	ck_assert(pending_take(scene.shared.pending, &id, &scene.limits, &visitor));
	visitor_drop(&visitor);
	names_release(late);
	close(fd);
	end();
}
END_TEST

START_TEST(a_visitor_waits_in_vain)
{
	int fds[2];

	begin(SHARED);
	scene.shared.await_until_ms = clock_ms() + 200;
	fds[0] = visit(REQUEST("late.example"));
	fds[1] = visit("SSH-2.0-x\r\n"); /* no tunnel can come for it */
	ck_assert(is_reset(fds[1]));
	ck_assert(!is_reset(fds[0]));
	while (scene_refusals(REFUSED_UNKNOWN_HOST) == 0)
		scene_run();
	ck_assert(is_reset(fds[0]));
	close(fds[0]);
	close(fds[1]);
	end();
}
END_TEST

START_TEST(visitors_who_wait_for_a_tunnel_end_with_the_worker)
{
	int fd;

	begin(SHARED);
	scene.shared.await_until_ms = INT64_MAX;
	fd = visit(REQUEST("late.example"));
	choosers_close(&scene.workers[0]);
	ck_assert(is_reset(fd));
	close(fd);
	end();
}
END_TEST

/* While visitors are held for the next server. */
START_TEST(a_closed_gate_leaves_visitors_in_the_kernel)
{
	struct sockets copies;
	unsigned n;
	int fd;

	begin(SHARED);
	gate_close(&scene.shared.gate);
	fd = visit(REQUEST("a.example"));
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	ck_assert(choosers_copy(&scene.workers[0], &copies, 1, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(copies.n, 1);
	sock_close_all(&copies);
	ck_assert(!choosers_copy(&scene.workers[0], &copies, 0, &n));
	gate_open(&scene.shared.gate, &scene.limits);
	choosers_wake(&scene.workers[0]);
	scene_run();
	scene_expect(client, MESSAGE_CONNECTION);
	close(fd);
	end();
}
END_TEST

SUITE("chooser", a_visitor_waits_for_its_tunnel, a_visitor_waits_in_vain,
      visitors_who_wait_for_a_tunnel_end_with_the_worker,
      a_closed_gate_leaves_visitors_in_the_kernel, a_name_behind_a_transport_is_found,
      a_visitor_behind_a_transport_may_get_no_tunnel, a_source_has_few_handshakes_without_a_tunnel,
      visitors_behind_a_transport_end_with_the_worker, access_lists_are_asked_for_the_tunnel,
      where_there_is_no_room_visitors_are_refused, a_tunnel_without_its_service_takes_no_visitor,
      a_port_that_is_in_no_entry_closes, a_port_may_move,
      visitors_without_a_tunnel_end_with_the_worker, a_source_has_few_visitors_without_a_tunnel,
      a_visitor_without_a_tunnel_is_reset, a_visitor_reaches_the_tunnel_of_its_name)
