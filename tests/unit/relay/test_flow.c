#include "relay/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "net/stream.h"
#include "refuse.h"
#include "relay/pipes.h"
#include "run_until.h"
#include "sockets.h"
#include "suite.h"
#include "transports/drip.h"
#include "transports/stacking.h"

enum { BULK = 64 * 1024 };

/* A flow from one TCP connection to another; the test holds the far ends. The flow has no watcher:
 * the test says what is ready. */
struct scene {
	struct loop *loop;
	struct pipe_pool pipes;
	struct stream *from, *to;
	int source, sink; /* far ends */
	struct flow flow;
	struct flow_ends ends;
};

static struct stream *new_stream(struct scene *scene, int fd, bool drips)
{
	spore_addr peer = { 0 };
	struct stream *stream = stream_new(scene->loop, fd, &peer, NULL);

	ck_assert_ptr_nonnull(stream);
	if (drips)
		stacking_push(stream, &drip_new(stream_top(stream))->base, false);
	ck_assert(stream_open(stream));
	return stream;
}

static void set_up(struct scene *scene, bool drips)
{
	int from[2], to[2];

	*scene = (struct scene){ .loop = run_until_loop() };
	pipe_pool_init(&scene->pipes, 2);
	sockets_tcp_pair(from);
	sockets_tcp_pair(to);
	scene->from = new_stream(scene, from[0], drips);
	scene->to = new_stream(scene, to[0], false);
	scene->source = from[1];
	scene->sink = to[1];
	scene->ends = (struct flow_ends){
		.from = scene->from,
		.to = scene->to,
		.loop = scene->loop,
		.pipes = &scene->pipes,
		.most = SIZE_MAX,
	};
}

static void tear_down(struct scene *scene)
{
	flow_fini(&scene->flow, &scene->pipes);
	ck_assert(!flow_holds(&scene->flow));
	pipe_pool_fini(&scene->pipes);
	ck_assert_uint_eq(scene->pipes.n_all, 0);
	stream_close(scene->from, false);
	stream_close(scene->to, false);
	run_for(scene->loop, 2);
	loop_free(scene->loop);
	if (scene->source >= 0)
		close(scene->source);
	if (scene->sink >= 0)
		close(scene->sink);
}

static void put(struct scene *scene, const void *bytes, size_t len)
{
	ck_assert_int_eq(send(scene->source, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void expect(struct scene *scene, const char *text)
{
	char got[64] = "";

	ck_assert_int_eq(recv(scene->sink, got, sizeof got - 1, 0), (ssize_t)strlen(text));
	ck_assert_str_eq(got, text);
}

static void expect_nothing(struct scene *scene)
{
	ck_assert_int_eq(recv(scene->sink, &(char){ 0 }, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

static void expect_end(struct scene *scene)
{
	ck_assert_int_eq(recv(scene->sink, &(char){ 0 }, 1, 0), 0);
}

static void check_state(const struct flow *flow, enum flow_state state)
{
	ck_assert_int_eq(flow->state, state);
	ck_assert_int_eq(flow_is_over(flow), state == FLOW_ENDED || state == FLOW_BROKEN);
	ck_assert_int_eq(flow_reads(flow), state == FLOW_OPEN && !flow_holds(flow));
	ck_assert_int_eq(flow_writes(flow), state == FLOW_ENDING || flow_holds(flow));
}

START_TEST(small_amounts_are_copied_and_counted)
{
	struct scene scene;

	set_up(&scene, false);
	ck_assert(flow_pump(&scene.flow, &scene.ends)); /* there is nothing yet */
	check_state(&scene.flow, FLOW_OPEN);
	put(&scene, "hello", 5);
	ck_assert(flow_pump(&scene.flow, &scene.ends));
	expect(&scene, "hello");
	ck_assert_uint_eq(scene.flow.bytes, 5);
	ck_assert_uint_eq(scene.pipes.n_all, 0);
	check_state(&scene.flow, FLOW_OPEN);
	tear_down(&scene);
}
END_TEST

START_TEST(end_of_the_source_half_closes_the_destination)
{
	struct scene scene;

	set_up(&scene, false);
	put(&scene, "bye", 3);
	shutdown(scene.source, SHUT_WR);
	ck_assert(flow_pump(&scene.flow, &scene.ends));
	check_state(&scene.flow, FLOW_OPEN);
	ck_assert(flow_pump(&scene.flow, &scene.ends));
	check_state(&scene.flow, FLOW_ENDED);
	expect(&scene, "bye");
	expect_end(&scene);
	ck_assert(flow_pump(&scene.flow, &scene.ends)); /* an ended one does not read */
	tear_down(&scene);
}
END_TEST

/* The close of both streams follows at once, so the half-close is left to it. */
START_TEST(last_flow_leaves_the_half_close_to_the_close)
{
	struct scene scene;

	set_up(&scene, false);
	scene.ends.is_last = true;
	shutdown(scene.source, SHUT_WR);
	ck_assert(flow_pump(&scene.flow, &scene.ends));
	check_state(&scene.flow, FLOW_ENDED);
	expect_nothing(&scene);
	tear_down(&scene);
}
END_TEST

START_TEST(reset_source_ends_the_pair)
{
	struct scene scene;

	set_up(&scene, false);
	sockets_reset(scene.source);
	scene.source = -1;
	ck_assert(!flow_pump(&scene.flow, &scene.ends));
	tear_down(&scene);
}
END_TEST

START_TEST(broken_destination_breaks_this_direction_alone)
{
	struct scene scene;

	set_up(&scene, false);
	sockets_reset(scene.sink);
	scene.sink = -1;
	put(&scene, "lost", 4);
	ck_assert(flow_pump(&scene.flow, &scene.ends)); /* the pair goes on */
	check_state(&scene.flow, FLOW_BROKEN);
	ck_assert(!flow_holds(&scene.flow));
	tear_down(&scene);
}
END_TEST

/* ---- a destination that does not keep up ---- */

/* Fixed sizes, which the kernel does not let grow. */
static void limit_buffers(struct scene *scene)
{
	int size = 128 * 1024;

	setsockopt(stream_fd(scene->to), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(scene->sink, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	setsockopt(stream_fd(scene->from), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	setsockopt(scene->source, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/* Pumps bytes until the destination is full. Returns how many the source has sent. */
static size_t fill(struct scene *scene)
{
	static uint8_t bytes[BULK];
	size_t n_sent = 0;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i % 251);
	while (!flow_holds(&scene->flow)) {
		ssize_t n = send(scene->source, bytes + n_sent % 251, BULK - 251, MSG_NOSIGNAL);

		if (n > 0)
			n_sent += (size_t)n;
		ck_assert(flow_pump(&scene->flow, &scene->ends));
		ck_assert_uint_lt(n_sent, 64u << 20);
	}
	return n_sent;
}

/* Reads everything, and that it is what was sent, in order. */
static void drain_all(struct scene *scene, size_t n_sent)
{
	static uint8_t bytes[BULK];
	size_t n_got = 0;

	while (n_got < n_sent) {
		ssize_t n = recv(scene->sink, bytes, sizeof bytes, 0);
		bool good = true;

		for (ssize_t i = 0; i < n; i++)
			good = good && bytes[i] == n_got++ % 251;
		ck_assert(good);
		flow_drain(&scene->flow, &scene->ends);
		ck_assert(flow_pump(&scene->flow, &scene->ends));
	}
	ck_assert_uint_eq(scene->flow.bytes, n_sent);
	ck_assert(!flow_holds(&scene->flow));
}

START_TEST(spill_keeps_what_is_not_taken_and_stops_reading)
{
	struct scene scene;
	size_t n_sent, held;

	set_up(&scene, false);
	limit_buffers(&scene);
	scene.pipes.most = 0; /* no pipe is to be had: bulk is copied */
	n_sent = fill(&scene);
	held = scene.flow.spill.len;
	ck_assert_uint_gt(held, 0);
	ck_assert_uint_le(held, LOOP_SCRATCH);
	check_state(&scene.flow, FLOW_OPEN);
	ck_assert(flow_pump(&scene.flow, &scene.ends)); /* reads nothing */
	ck_assert_uint_eq(scene.flow.spill.len, held);
	drain_all(&scene, n_sent);
	tear_down(&scene);
}
END_TEST

static void check_held(unsigned most_pipes)
{
	enum { MOST = 20 * 1024 };
	struct scene scene;
	size_t n_sent;

	set_up(&scene, false);
	limit_buffers(&scene);
	scene.pipes.most = most_pipes;
	scene.ends.most = MOST;
	n_sent = fill(&scene);
	ck_assert_int_eq(scene.flow.pipe != NULL, most_pipes > 0);
	ck_assert_uint_le(scene.flow.pipe ? scene.flow.pipe->len : scene.flow.spill.len, MOST);
	drain_all(&scene, n_sent);
	tear_down(&scene);
}

START_TEST(no_more_is_held_than_may_be_read)
{
	check_held(0);
	check_held(1);
}
END_TEST

START_TEST(bulk_is_spliced_and_copied_again_when_it_is_over)
{
	struct scene scene;
	size_t n_sent;

	set_up(&scene, false);
	limit_buffers(&scene);
	n_sent = fill(&scene);
	ck_assert(scene.flow.bulk);
	ck_assert_ptr_nonnull(scene.flow.pipe);
	ck_assert_uint_gt(scene.flow.pipe->len, 0);
	ck_assert_uint_eq(scene.flow.spill.len, 0);
	drain_all(&scene, n_sent);
	ck_assert_ptr_null(scene.flow.pipe); /* an idle flow holds none */
	ck_assert_uint_eq(scene.pipes.n_idle, 1);
	for (int i = 0; i < 8; i++) {
		put(&scene, "x", 1);
		ck_assert(flow_pump(&scene.flow, &scene.ends));
		expect(&scene, "x");
	}
	ck_assert(!scene.flow.bulk);
	ck_assert_uint_eq(scene.flow.bytes, n_sent + 8);
	tear_down(&scene);
}
END_TEST

/* Where a sandbox refuses splice from the start. */
START_TEST(splicing_that_is_refused_is_copying)
{
	struct scene scene;
	size_t n_sent;

	set_up(&scene, false);
	limit_buffers(&scene);
	ck_assert(refuse_call(SYS_splice, ENOSYS));
	n_sent = fill(&scene);
	ck_assert(scene.flow.bulk);
	ck_assert_ptr_null(scene.flow.pipe);
	ck_assert_uint_gt(scene.flow.spill.len, 0);
	drain_all(&scene, n_sent);
	check_state(&scene.flow, FLOW_OPEN);
	tear_down(&scene);
}
END_TEST

START_TEST(a_refusal_loses_no_byte_of_a_full_pipe)
{
	struct scene scene;
	size_t n_sent, held;

	set_up(&scene, false);
	limit_buffers(&scene);
	n_sent = fill(&scene);
	ck_assert_ptr_nonnull(scene.flow.pipe);
	held = scene.flow.pipe->len;
	ck_assert_uint_gt(held, 0);
	ck_assert(refuse_call(SYS_splice, EPERM));
	flow_drain(&scene.flow, &scene.ends);
	ck_assert_ptr_null(scene.flow.pipe);
	ck_assert_uint_eq(scene.flow.spill.len, held);
	check_state(&scene.flow, FLOW_OPEN);
	drain_all(&scene, n_sent);
	shutdown(scene.source, SHUT_WR);
	ck_assert(flow_pump(&scene.flow, &scene.ends));
	expect_end(&scene);
	tear_down(&scene);
}
END_TEST

START_TEST(end_waits_for_what_is_held)
{
	struct scene scene;
	size_t n_sent;

	set_up(&scene, false);
	limit_buffers(&scene);
	n_sent = fill(&scene);
	shutdown(scene.source, SHUT_WR);
	drain_all(&scene, n_sent);
	ck_assert(flow_pump(&scene.flow, &scene.ends));
	check_state(&scene.flow, FLOW_ENDED);
	expect_end(&scene);
	tear_down(&scene);
}
END_TEST

/* ---- transports, and words of our own ---- */

START_TEST(bytes_of_a_transport_are_copied)
{
	struct scene scene;
	char got[4] = "";
	size_t n = 0;

	set_up(&scene, true);
	put(&scene, "abc", 3);
	for (int i = 0; i < 40 && n < 3; i++) {
		ssize_t taken;

		ck_assert(flow_pump(&scene.flow, &scene.ends));
		taken = recv(scene.sink, got + n, 3 - n, 0);
		n += taken > 0 ? (size_t)taken : 0;
	}
	ck_assert_str_eq(got, "abc");
	ck_assert_uint_eq(scene.flow.bytes, 3);
	tear_down(&scene);
}
END_TEST

START_TEST(words_of_our_own_come_first_and_do_not_count)
{
	struct scene scene;

	set_up(&scene, false);
	ck_assert(buf_append(&scene.flow.spill, "own", 3, 64));
	scene.flow.own = 3;
	put(&scene, "hers", 4);
	ck_assert(flow_join(&scene.flow, &scene.ends));
	ck_assert_uint_eq(scene.flow.spill.len, 7);
	flow_drain(&scene.flow, &scene.ends);
	expect(&scene, "ownhers");
	ck_assert_uint_eq(scene.flow.bytes, 4);
	ck_assert_uint_eq(scene.flow.own, 0);
	tear_down(&scene);
}
END_TEST

START_TEST(source_that_has_ended_joins_with_its_end)
{
	struct scene scene;

	set_up(&scene, false);
	ck_assert(buf_append(&scene.flow.spill, "own", 3, 64));
	scene.flow.own = 3;
	shutdown(scene.source, SHUT_WR);
	ck_assert(flow_join(&scene.flow, &scene.ends));
	check_state(&scene.flow, FLOW_ENDING);
	flow_drain(&scene.flow, &scene.ends);
	check_state(&scene.flow, FLOW_ENDED);
	expect(&scene, "own");
	expect_end(&scene);
	ck_assert_uint_eq(scene.flow.bytes, 0);
	tear_down(&scene);
}
END_TEST

START_TEST(reset_source_does_not_join)
{
	struct scene scene;

	set_up(&scene, false);
	sockets_reset(scene.source);
	scene.source = -1;
	ck_assert(!flow_join(&scene.flow, &scene.ends));
	tear_down(&scene);
}
END_TEST

SUITE("flow", small_amounts_are_copied_and_counted, end_of_the_source_half_closes_the_destination,
      last_flow_leaves_the_half_close_to_the_close, reset_source_ends_the_pair,
      broken_destination_breaks_this_direction_alone,
      spill_keeps_what_is_not_taken_and_stops_reading, no_more_is_held_than_may_be_read,
      bulk_is_spliced_and_copied_again_when_it_is_over, splicing_that_is_refused_is_copying,
      a_refusal_loses_no_byte_of_a_full_pipe, end_waits_for_what_is_held,
      bytes_of_a_transport_are_copied, words_of_our_own_come_first_and_do_not_count,
      source_that_has_ended_joins_with_its_end, reset_source_does_not_join)
