#include "choose/chooser.h"

#include "scene/server_scene.h"
#include "session/tunnel.h"
#include "suite.h"
#include "verdict/allowance.h"
#include "wire/about.h"

#define SHARED                                                                                     \
	"{" SCENE_SERVER ", \"limits\": {\"max_handshakes_per_ip\": 2}"                            \
	", \"public\": [{\"listen_port\": 443, \"route\": [{\"use\": \"http\"}]}]}"
#define REQUEST(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"

static int client;
static uint16_t port; /* the shared one */
static struct tunnel *tunnel;
static struct names_claim *claim;
static const struct about nothing;

/* The configuration's port may be in use, so the sockets have another one. */
static void open_shared_port(void)
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
	ck_assert(choosers_open(&scene.workers[0], &sockets));
}

static void begin(void)
{
	static const char *const hosts[] = { "a.example" };
	struct allowance *allowance = NULL;
	struct names_clash clash;
	struct server_session *s;
	struct limit_hit hit;

	scene_open(SHARED);
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
	open_shared_port();
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

	begin();
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

	begin();
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

	begin();
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

	begin();
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

SUITE("chooser", visitors_without_a_tunnel_end_with_the_worker,
      a_source_has_few_visitors_without_a_tunnel, a_visitor_without_a_tunnel_is_reset,
      a_visitor_reaches_the_tunnel_of_its_name)
