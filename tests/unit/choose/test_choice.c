#include "choose/choice.h"

#include "chain/transport.h"
#include "net/stream.h"
#include "scene/routed_scene.h"
#include "suite.h"

START_TEST(a_visitor_without_a_tunnel_is_reset)
{
	int fds[3];

	routed_begin(ROUTED_PORT);
	fds[0] = routed_visit(ROUTED_REQUEST("b.example"));
	fds[1] = routed_visit("SSH-2.0-x\r\n");
	fds[2] = routed_visit("GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n");
	for (int i = 0; i < 3; i++) {
		ck_assert(routed_is_reset(fds[i]));
		close(fds[i]);
	}
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_HOST), 1);
	ck_assert_int_eq(scene_refusals(REFUSED_NO_HOST), 1);
	ck_assert_int_eq(scene_refusals(REFUSED_BAD_START), 1);
	routed_end();
}
END_TEST

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

	routed_begin(config);
	fd = scene_visit(routed.port);
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	routed_greet(fd);
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	routed_send_xored(fd, "GET / HT");
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	ck_assert_uint_eq(tunnel_account(routed.tunnel)->inside, 0);
	routed_send_xored(fd, "TP/1.1\r\nHost: A.example\r\n\r\nmore");
	visitor = routed_take_announced();
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	ck_assert_uint_eq(tunnel_account(routed.tunnel)->inside, 1);
	expect_bytes(&visitor, ROUTED_REQUEST("A.example") "more");
	visitor_drop(&visitor);
	ck_assert_uint_eq(tunnel_account(routed.tunnel)->inside, 0);
	close(fd);
	routed_end();
}

START_TEST(a_name_behind_a_transport_is_found)
{
	check_behind(ROUTED_BEHIND(""));
	check_behind(ROUTED_BEHIND(", \"chunk\": 3, \"hold\": 8, \"stutter\": true"));
}
END_TEST

START_TEST(a_visitor_behind_a_transport_may_get_no_tunnel)
{
	static const char *const first[] = { ROUTED_REQUEST("b.example"), "SSH-2.0-x\r\n", "\x01" };
	int fd;

	routed_begin(ROUTED_BEHIND(""));
	for (int i = 0; i < 3; i++) {
		fd = scene_visit(routed.port);
		routed_greet(fd);
		routed_send_xored(fd, first[i]);
		shutdown(fd, SHUT_WR);
		ck_assert(routed_has_ended(fd));
		ck_assert_uint_eq(scene.shared.handshakes, 0);
		close(fd);
	}
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_HOST), 1);
	ck_assert_int_eq(scene_refusals(REFUSED_NO_HOST), 2);
	fd = scene_visit(routed.port);
	ck_assert_int_eq(send(fd, "?", 1, 0), 1); /* the transport does not open */
	ck_assert(routed_has_ended(fd));
	ck_assert_int_eq(scene_metric_of("spore_refusals_total", "public", "handshake"), 1);
	close(fd);
	routed_end();
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

	routed_begin(ROUTED_PORT);
	scene.shared.await_until_ms = INT64_MAX;
	fd = routed_visit(ROUTED_REQUEST("late.example"));
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_HOST), 0);
	ck_assert_int_eq(names_claim(scene.shared.names, tunnel_account(routed.tunnel), hosts, 1,
	                             &late, &clash),
	                 NAMES_CLAIMED);
	while (pending_count(scene.shared.pending) == 0)
		scene_run();
	id = scene_expect(routed.client, MESSAGE_CONNECTION).id;
	ck_assert(pending_take(scene.shared.pending, &id, &scene.limits, &visitor));
	visitor_drop(&visitor);
	names_release(late);
	close(fd);
	routed_end();
}
END_TEST

START_TEST(a_visitor_waits_in_vain)
{
	int fds[2];

	routed_begin(ROUTED_PORT);
	scene.shared.await_until_ms = clock_ms() + 200;
	fds[0] = routed_visit(ROUTED_REQUEST("late.example"));
	fds[1] = routed_visit("SSH-2.0-x\r\n"); /* no tunnel can come for it */
	ck_assert(routed_is_reset(fds[1]));
	ck_assert(!routed_is_reset(fds[0]));
	while (scene_refusals(REFUSED_UNKNOWN_HOST) == 0)
		scene_run();
	ck_assert(routed_is_reset(fds[0]));
	close(fds[0]);
	close(fds[1]);
	routed_end();
}
END_TEST

START_TEST(visitors_who_wait_for_a_tunnel_end_with_the_worker)
{
	int fd;

	routed_begin(ROUTED_PORT);
	scene.shared.await_until_ms = INT64_MAX;
	fd = routed_visit(ROUTED_REQUEST("late.example"));
	choosers_close(&scene.workers[0]);
	ck_assert(routed_is_reset(fd));
	close(fd);
	routed_end();
}
END_TEST

START_TEST(visitors_behind_a_transport_end_with_the_worker)
{
	int fds[2];

	routed_begin(ROUTED_BEHIND(""));
	for (int i = 0; i < 2; i++)
		fds[i] = scene_visit(routed.port);
	routed_greet(fds[1]);
	routed_send_xored(fds[1], "GET");
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	choosers_close(&scene.workers[0]);
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	routed_end();
}
END_TEST

SUITE("choice", visitors_behind_a_transport_end_with_the_worker,
      visitors_who_wait_for_a_tunnel_end_with_the_worker, a_visitor_waits_in_vain,
      a_visitor_waits_for_its_tunnel, a_visitor_behind_a_transport_may_get_no_tunnel,
      a_name_behind_a_transport_is_found, a_visitor_without_a_tunnel_is_reset)
