#include "link/link.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "net/stream.h"
#include "run_until.h"
#include "sockets.h"
#include "suite.h"

#define UUID "00112233-4455-6677-8899-aabbccddeeff"

enum then { GO_ON, PAUSE, CLOSE, TAKE };

struct scene {
	struct loop *loop;
	struct link link;
	int far;
	enum then then; /* what the owner does with each message */
	char got[256];  /* types of the messages, one letter each */
	unsigned n_faults, n_ends, wanted;
	enum link_fault fault;
	char why[64];
	struct stream *taken;
	struct buf received, unsent;
};

static struct scene *scene_of(struct link *link)
{
	return CONTAINER_OF(link, struct scene, link);
}

static void on_message(struct link *link, const struct message *message)
{
	struct scene *scene = scene_of(link);
	size_t n = strlen(scene->got);

	ck_assert_uint_eq(scene->n_ends, 0); /* the end comes last */
	ck_assert_uint_lt(n, sizeof scene->got - 1);
	scene->got[n] = "?HHAACBCEXXAA"[message->type];
	if (scene->then == PAUSE)
		link_pause(link);
	else if (scene->then == CLOSE)
		link_fini(link, false);
	else if (scene->then == TAKE)
		scene->taken = link_take(link, &scene->received, &scene->unsent);
}

static void on_fault(struct link *link, enum link_fault fault)
{
	struct scene *scene = scene_of(link);

	scene->n_faults++;
	scene->fault = fault;
}

static void on_end(struct link *link, const char *why)
{
	struct scene *scene = scene_of(link);

	scene->n_ends++;
	snprintf(scene->why, sizeof scene->why, "%s", why ? why : "(none)");
}

static const struct link_events events = { on_message, on_fault, on_end };

static void set_up(struct scene *scene)
{
	struct stream *stream;
	spore_addr peer = { 0 };
	int fds[2];

	*scene = (struct scene){ .loop = run_until_loop() };
	sockets_tcp_pair(fds);
	stream = stream_new(scene->loop, fds[0], &peer, NULL);
	ck_assert(stream_open(stream));
	link_init(&scene->link, stream, MESSAGE_TO_CLIENT, &events);
	scene->far = fds[1];
}

static void tear_down(struct scene *scene)
{
	link_fini(&scene->link, false);
	link_fini(&scene->link, true);
	ck_assert(!link_send(&scene->link, &(struct message){ .type = MESSAGE_HEARTBEAT }));
	run_for(scene->loop, 2);
	loop_free(scene->loop);
	if (scene->far >= 0)
		close(scene->far);
}

static void put(struct scene *scene, const void *bytes, size_t len)
{
	ck_assert_int_eq(send(scene->far, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* A frame with its NUL. */
static void put_frame(struct scene *scene, const char *json)
{
	put(scene, json, strlen(json) + 1);
}

static bool has_come(void *arg)
{
	const struct scene *scene = arg;

	return strlen(scene->got) + scene->n_faults + scene->n_ends >= scene->wanted;
}

/* Waits for n events in all. */
static void wait_for(struct scene *scene, unsigned n)
{
	scene->wanted = n;
	ck_assert(run_until(scene->loop, has_come, scene));
}

/* No event comes for a while. */
static void expect_quiet(struct scene *scene)
{
	scene->wanted = (unsigned)strlen(scene->got) + scene->n_faults + scene->n_ends + 1;
	ck_assert(!run_until_within(scene->loop, 20, has_come, scene));
}

/* ---- receiving ---- */

START_TEST(messages_come_in_order_however_they_are_cut)
{
	static const char bytes[] = "{\"Hello\":5}\0\"Heartbeat\"\0{\"Error\":\"no\"}";
	struct scene scene;

	set_up(&scene);
	put(&scene, bytes, sizeof bytes);
	wait_for(&scene, 3);
	for (size_t i = 0; i < sizeof bytes; i++) {
		put(&scene, bytes + i, 1);
		run_for(scene.loop, 1);
	}
	wait_for(&scene, 6);
	ck_assert_str_eq(scene.got, "HBEHBE");
	expect_quiet(&scene);
	tear_down(&scene);
}
END_TEST

START_TEST(end_comes_after_the_last_message_and_ends_its_frame)
{
	struct scene scene;

	set_up(&scene);
	put_frame(&scene, "\"Heartbeat\"");
	put(&scene, "\"Heartbeat\"", 11); /* without its NUL */
	shutdown(scene.far, SHUT_WR);
	wait_for(&scene, 3);
	ck_assert_str_eq(scene.got, "BB");
	ck_assert_uint_eq(scene.n_ends, 1);
	ck_assert_str_eq(scene.why, "(none)");
	expect_quiet(&scene);
	tear_down(&scene);
}
END_TEST

START_TEST(reset_is_told_with_its_cause)
{
	struct scene scene;

	set_up(&scene);
	sockets_reset(scene.far);
	scene.far = -1;
	wait_for(&scene, 1);
	ck_assert_uint_eq(scene.n_ends, 1);
	ck_assert_str_eq(scene.why, strerror(ECONNRESET));
	tear_down(&scene);
}
END_TEST

START_TEST(invalid_frames_are_a_fault_and_nothing_follows)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum link_fault fault;
	} rows[] = {
		{ "{\"Hello\":", 10, LINK_UNPARSABLE },
		{ "", 1, LINK_UNPARSABLE },
		{ "{\"Accept\":\"" UUID "\"}", 50, LINK_UNPARSABLE }, /* not to a client */
		{ "\"Extended\"", 11, LINK_UNPARSABLE },              /* not asked for */
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene scene;

		set_up(&scene);
		put(&scene, rows[i].bytes, rows[i].len);
		wait_for(&scene, 1);
		ck_assert_uint_eq(scene.n_faults, 1);
		ck_assert_int_eq(scene.fault, rows[i].fault);
		put_frame(&scene, "\"Heartbeat\"");
		expect_quiet(&scene);
		tear_down(&scene);
	}
}
END_TEST

START_TEST(longest_frame_passes_and_a_longer_one_does_not)
{
	char frame[FRAME_MAX + 2];
	struct scene scene;

	memset(frame, 'x', sizeof frame);
	memcpy(frame, "{\"Error\":\"", 10);
	memcpy(frame + FRAME_MAX - 2, "\"}", 3);
	set_up(&scene);
	put(&scene, frame, FRAME_MAX + 1);
	wait_for(&scene, 1);
	ck_assert_str_eq(scene.got, "E");
	memset(frame, ' ', sizeof frame);
	put(&scene, frame, FRAME_MAX + 1);
	wait_for(&scene, 2);
	ck_assert_uint_eq(scene.n_faults, 1);
	ck_assert_int_eq(scene.fault, LINK_TOO_LONG);
	tear_down(&scene);
}
END_TEST

START_TEST(lenient_one_skips_what_is_invalid)
{
	char endless[2 * FRAME_MAX];
	struct scene scene;

	set_up(&scene);
	link_extend(&scene.link, MESSAGE_TO_CLIENT_EXTENDED, true);
	put_frame(&scene, "{\"Unknown\":1}");
	put_frame(&scene, "{\"Extended\":{\"heartbeat_ms\":5}}");
	put_frame(&scene, "\"Heartbeat\"");
	wait_for(&scene, 2);
	ck_assert_str_eq(scene.got, "XB");
	/* Where a frame that is too long ends is unknown: all behind it is dropped. */
	memset(endless, 'x', sizeof endless);
	put(&scene, endless, sizeof endless);
	run_for(scene.loop, 2);
	put_frame(&scene, "\"Heartbeat\"");
	expect_quiet(&scene);
	ck_assert_uint_eq(scene.link.in.len, 0);
	shutdown(scene.far, SHUT_WR);
	wait_for(&scene, 3);
	ck_assert_uint_eq(scene.n_ends, 1);
	tear_down(&scene);
}
END_TEST

START_TEST(paused_one_keeps_a_bounded_amount_and_delivers_it_later)
{
	enum { SENT = 200 };
	struct scene scene;
	char expected[SENT + 1];

	set_up(&scene);
	scene.then = PAUSE;
	for (int i = 0; i < SENT; i++)
		put_frame(&scene, "\"Heartbeat\"");
	shutdown(scene.far, SHUT_WR);
	wait_for(&scene, 1);
	expect_quiet(&scene);
	ck_assert_uint_le(scene.link.in.len, LINK_MAX_IN);
	link_resume(&scene.link);
	wait_for(&scene, 2);
	expect_quiet(&scene);
	scene.then = GO_ON;
	link_resume(&scene.link);
	wait_for(&scene, SENT + 1);
	memset(expected, 'B', SENT);
	expected[SENT] = '\0';
	ck_assert_str_eq(scene.got, expected);
	ck_assert_uint_eq(scene.n_ends, 1);
	tear_down(&scene);
}
END_TEST

/* What follows a message is read with it, as far as the link may keep it. */
START_TEST(widened_one_takes_more_with_a_message)
{
	static const char behind[5000];

	for (int i = 0; i < 2; i++) {
		struct scene scene;
		char frame[] = "\"Heartbeat\"";

		set_up(&scene);
		scene.then = TAKE;
		if (i)
			link_widen(&scene.link, 4096);
		ck_assert_int_eq(send(scene.far, frame, sizeof frame, MSG_MORE), sizeof frame);
		ck_assert_int_eq(send(scene.far, behind, sizeof behind, 0), sizeof behind);
		wait_for(&scene, 1);
		ck_assert_uint_eq(scene.received.len, (i ? 4096 : LINK_MAX_IN) - sizeof frame);
		buf_fini(&scene.received);
		stream_close(scene.taken, false);
		tear_down(&scene);
	}
}
END_TEST

START_TEST(owner_may_close_it_from_within_an_event)
{
	struct scene scene;

	set_up(&scene);
	scene.then = CLOSE;
	put_frame(&scene, "\"Heartbeat\"");
	put_frame(&scene, "\"Heartbeat\"");
	wait_for(&scene, 1);
	expect_quiet(&scene);
	ck_assert_str_eq(scene.got, "B");
	tear_down(&scene);
}
END_TEST

/* ---- sending ---- */

START_TEST(messages_of_one_turn_leave_together)
{
	static const char expected[] = "{\"Hello\":5}\0\"Heartbeat\"";
	struct scene scene;
	char bytes[64];

	set_up(&scene);
	ck_assert(link_send(&scene.link, &(struct message){ .type = MESSAGE_HELLO, .port = 5 }));
	ck_assert(link_send(&scene.link, &(struct message){ .type = MESSAGE_HEARTBEAT }));
	ck_assert_uint_eq(link_backlog(&scene.link), sizeof expected);
	ck_assert_int_lt(recv(scene.far, bytes, sizeof bytes, 0), 0); /* nothing yet */
	run_for(scene.loop, 2);
	ck_assert_int_eq(recv(scene.far, bytes, sizeof bytes, 0), sizeof expected);
	ck_assert_int_eq(memcmp(bytes, expected, sizeof expected), 0);
	ck_assert_uint_eq(link_backlog(&scene.link), 0);
	tear_down(&scene);
}
END_TEST

START_TEST(a_pushed_message_does_not_wait_for_the_end_of_the_turn)
{
	struct scene scene;
	char bytes[64];

	set_up(&scene);
	link_push(&scene.link);
	ck_assert(link_send(&scene.link, &(struct message){ .type = MESSAGE_HELLO, .port = 5 }));
	link_push(&scene.link);
	ck_assert_uint_eq(link_backlog(&scene.link), 0);
	ck_assert_int_eq(recv(scene.far, bytes, sizeof bytes, 0), sizeof "{\"Hello\":5}");
	run_for(scene.loop, 2);
	ck_assert_int_lt(recv(scene.far, bytes, sizeof bytes, MSG_DONTWAIT), 0); /* no more */
	tear_down(&scene);
}
END_TEST

static bool has_end(void *arg)
{
	return ((struct scene *)arg)->n_ends > 0;
}

/* Who pushes is in the middle of something, so it is not told of an end there. */
START_TEST(a_push_that_fails_is_told_at_the_end_of_the_turn)
{
	struct scene scene;

	set_up(&scene);
	sockets_reset(scene.far);
	scene.far = -1;
	ck_assert(link_send(&scene.link, &(struct message){ .type = MESSAGE_HELLO, .port = 5 }));
	link_push(&scene.link);
	ck_assert_uint_eq(scene.n_ends, 0);
	ck_assert(run_until(scene.loop, has_end, &scene));
	ck_assert_uint_eq(scene.n_ends, 1);
	tear_down(&scene);
}
END_TEST

/* What a peer does not read is bounded; once it reads, the rest leaves. */
START_TEST(backlog_is_bounded_and_drains)
{
	struct message error = { .type = MESSAGE_ERROR, .text_len = 200 };
	struct scene scene;
	size_t n_sent = 0, n_got = 0;
	char bytes[4096];

	set_up(&scene);
	setsockopt(stream_fd(scene.link.stream), SOL_SOCKET, SO_SNDBUF, &(int){ 4096 },
	           sizeof(int));
	memset(error.text, 'x', error.text_len);
	while (link_send(&scene.link, &error)) {
		n_sent++;
		if (n_sent % 50 == 0)
			run_for(scene.loop, 1);
		ck_assert_uint_lt(n_sent, 1000000);
	}
	ck_assert_uint_le(link_backlog(&scene.link), LINK_MAX_OUT);
	ck_assert_uint_gt(link_backlog(&scene.link), LINK_MAX_OUT - FRAME_MAX - 1);
	while (link_backlog(&scene.link) > 0 || n_got < n_sent * 213) {
		ssize_t n = recv(scene.far, bytes, sizeof bytes, 0);

		if (n > 0)
			n_got += (size_t)n;
		else
			run_for(scene.loop, 1);
	}
	ck_assert_uint_eq(n_got, n_sent * 213);
	ck_assert(link_send(&scene.link, &error));
	tear_down(&scene);
}
END_TEST

/* ---- the end ---- */

START_TEST(taken_stream_comes_with_the_bytes_of_both_ways)
{
	struct scene scene;

	set_up(&scene);
	scene.then = TAKE;
	link_pause(&scene.link);
	put(&scene, "\"Heartbeat\"\0raw", 15);
	run_for(scene.loop, 5);
	link_resume(&scene.link);
	wait_for(&scene, 1);
	ck_assert_ptr_nonnull(scene.taken);
	ck_assert_ptr_null(scene.link.stream);
	ck_assert_uint_eq(scene.received.len, 3);
	ck_assert_int_eq(memcmp(buf_bytes(&scene.received), "raw", 3), 0);
	ck_assert_uint_eq(scene.unsent.len, 0);
	expect_quiet(&scene);
	buf_fini(&scene.received);
	stream_close(scene.taken, false);
	tear_down(&scene);
}
END_TEST

START_TEST(finished_one_writes_what_waits_and_lingers)
{
	struct linger_list lingerers;
	struct scene scene;
	char bytes[64];

	set_up(&scene);
	linger_list_init(&lingerers, scene.loop, &(const unsigned){ 4 });
	link_send(&scene.link, &(struct message){ .type = MESSAGE_HEARTBEAT });
	link_finish(&scene.link, &lingerers);
	ck_assert_ptr_null(scene.link.stream);
	ck_assert_uint_eq(lingerers.count, 1);
	put(&scene, "unread", 6);
	run_for(scene.loop, 5);
	ck_assert_int_eq(recv(scene.far, bytes, sizeof bytes, 0), 12);
	ck_assert_str_eq(bytes, "\"Heartbeat\"");
	ck_assert_int_eq(recv(scene.far, bytes, sizeof bytes, 0), 0);
	link_finish(&scene.link, &lingerers);
	linger_list_fini(&lingerers);
	tear_down(&scene);
}
END_TEST

START_TEST(bytes_leave_behind_the_messages)
{
	static const char expected[] = "\"Heartbeat\"\0\1\0\0\2ab\"Heartbeat\"";
	char bytes[64];
	struct scene scene;

	set_up(&scene);
	ck_assert(link_send(&scene.link, &(struct message){ .type = MESSAGE_HEARTBEAT }));
	ck_assert(link_send_bytes(&scene.link, "\1\0\0\2ab", 6));
	ck_assert(link_send(&scene.link, &(struct message){ .type = MESSAGE_HEARTBEAT }));
	ck_assert_uint_eq(link_backlog(&scene.link), sizeof expected);
	run_for(scene.loop, 2);
	ck_assert_int_eq(recv(scene.far, bytes, sizeof bytes, 0), sizeof expected);
	ck_assert_mem_eq(bytes, expected, sizeof expected);
	tear_down(&scene);
}
END_TEST

/* All of them leave, or none. */
START_TEST(bytes_are_bounded_as_messages_are)
{
	static const char bytes[LINK_MAX_OUT + 1];
	struct scene scene;

	set_up(&scene);
	ck_assert(!link_send_bytes(&scene.link, bytes, LINK_MAX_OUT + 1));
	ck_assert_uint_eq(link_backlog(&scene.link), 0);
	ck_assert(link_send_bytes(&scene.link, bytes, LINK_MAX_OUT - 1));
	ck_assert(!link_send_bytes(&scene.link, bytes, 2));
	ck_assert(link_send_bytes(&scene.link, bytes, 1));
	ck_assert_uint_eq(link_backlog(&scene.link), LINK_MAX_OUT);
	link_fini(&scene.link, false);
	ck_assert(!link_send_bytes(&scene.link, bytes, 1));
	tear_down(&scene);
}
END_TEST

SUITE("link", a_pushed_message_does_not_wait_for_the_end_of_the_turn,
      a_push_that_fails_is_told_at_the_end_of_the_turn, widened_one_takes_more_with_a_message,
      messages_come_in_order_however_they_are_cut,
      end_comes_after_the_last_message_and_ends_its_frame, reset_is_told_with_its_cause,
      invalid_frames_are_a_fault_and_nothing_follows,
      longest_frame_passes_and_a_longer_one_does_not, lenient_one_skips_what_is_invalid,
      paused_one_keeps_a_bounded_amount_and_delivers_it_later,
      owner_may_close_it_from_within_an_event, messages_of_one_turn_leave_together,
      backlog_is_bounded_and_drains, taken_stream_comes_with_the_bytes_of_both_ways,
      finished_one_writes_what_waits_and_lingers, bytes_leave_behind_the_messages,
      bytes_are_bounded_as_messages_are)
