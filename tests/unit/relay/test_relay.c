#include "relay/relay.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "loop/loop.h"
#include "net/stream.h"
#include "relay/bucket.h"
#include "run_until.h"
#include "sockets.h"
#include "suite.h"
#include "transports/drip.h"
#include "transports/notary.h"
#include "transports/stacking.h"

struct scene {
	struct loop *loop;
	struct relay_set set;
	int far[2]; /* ends that the test holds, of the left and the right stream */
	int near[2];
	struct notary *notaries[2];
	uint64_t bytes[2], moved[2];
	unsigned n_ends;
	enum relay_cause cause;
	bool is_used_up;
};

static bool on_moved(const uint64_t moved[2], void *arg)
{
	struct scene *scene = arg;

	ck_assert_uint_eq(scene->n_ends, 0);
	ck_assert(moved[0] || moved[1]);
	scene->moved[0] += moved[0];
	scene->moved[1] += moved[1];
	return !scene->is_used_up;
}

static void on_end(const struct relay_end *end, void *arg)
{
	struct scene *scene = arg;

	ck_assert_ptr_null(end->error);
	scene->n_ends++;
	scene->cause = end->cause;
	memcpy(scene->bytes, end->bytes, sizeof scene->bytes);
}

static bool is_over(void *arg)
{
	return ((struct scene *)arg)->n_ends > 0;
}

static void set_up(struct scene *scene)
{
	*scene = (struct scene){ .loop = run_until_loop() };
	relay_set_init(&scene->set, scene->loop, &(struct relay_limits){ .most_pipes = 4 });
	/* The sweep comes more often than once a second, so that the tests are quick. */
	scene->set.sweep.repeat = 0.05;
	ev_timer_again(loop_ev(scene->loop), &scene->set.sweep);
}

enum kind { UNIX_PAIRS, TCP_PAIRS, DRIPPING, NOTED };

/* Makes one side: a stream over one end of a pair. The test holds the other end. */
static struct stream *make_side(struct scene *scene, int fds[2], int side, enum kind kind)
{
	struct stream *stream;
	spore_addr peer = { .family = kind == UNIX_PAIRS ? 1 : 0 };

	scene->far[side] = fds[1];
	scene->near[side] = fds[0];
	sockets_unblock(fds[0]);
	sockets_unblock(fds[1]);
	stream = stream_new(scene->loop, fds[0], &peer, NULL);
	ck_assert_ptr_nonnull(stream);
	if (kind == DRIPPING)
		stacking_push(stream, &drip_new(stream_top(stream))->base, false);
	if (kind == NOTED) {
		scene->notaries[side] = notary_new(stream_top(stream));
		stacking_push(stream, &scene->notaries[side]->base, false);
	}
	ck_assert(stream_open(stream));
	return stream;
}

static void make_sides(struct scene *scene, enum kind kind, struct stream *sides[2])
{
	set_up(scene);
	for (int i = 0; i < 2; i++) {
		int fds[2];

		if (kind == UNIX_PAIRS || kind == NOTED)
			ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		else
			sockets_tcp_pair(fds);
		sides[i] = make_side(scene, fds, i, kind);
	}
}

static void start_at_rate(struct scene *scene, enum kind kind, struct buf *for_left,
                          struct buf *for_right, uint64_t rate)
{
	struct stream *sides[2];

	make_sides(scene, kind, sides);
	relay_start(&scene->set,
	            &(struct relay_plan){
			    sides[0], sides[1], for_left, for_right, rate, 0, 0, { NULL } },
	            on_end, scene);
	ck_assert_uint_eq(scene->n_ends, 0);
}

static void start_with(struct scene *scene, enum kind kind, struct buf *for_left,
                       struct buf *for_right)
{
	start_at_rate(scene, kind, for_left, for_right, 0);
}

static void start(struct scene *scene, enum kind kind)
{
	start_with(scene, kind, &(struct buf){ 0 }, &(struct buf){ 0 });
}

static void tear_down(struct scene *scene)
{
	relay_set_fini(&scene->set);
	loop_free(scene->loop);
	ck_assert_uint_eq(scene->set.count, 0);
	ck_assert_uint_eq(scene->n_ends, 1);
	for (int i = 0; i < 2; i++)
		close(scene->far[i]);
}

/* Reads what has come to the far end: bytes, 0 for the end, or -errno. */
static ssize_t take(struct scene *scene, int side, char *out, size_t size)
{
	for (int64_t until = clock_ms() + 5000; clock_ms() < until;) {
		ssize_t n = read(scene->far[side], out, size);

		if (n >= 0 || errno != EAGAIN)
			return n < 0 ? -errno : n;
		run_for(scene->loop, 1);
	}
	return -ETIMEDOUT;
}

static void check_takes(struct scene *scene, int side, const char *expected)
{
	char text[64] = "";
	size_t n = 0;

	while (n < strlen(expected)) {
		ssize_t got = take(scene, side, text + n, sizeof text - n);

		ck_assert_msg(got > 0, "side %d: %zd behind \"%s\"", side, got, text);
		n += (size_t)got;
	}
	ck_assert_uint_eq(n, strlen(expected));
	ck_assert_mem_eq(text, expected, n);
}

static void check_end(struct scene *scene, int side, ssize_t expected)
{
	char byte;

	ck_assert_int_eq(take(scene, side, &byte, 1), expected);
}

static void say(struct scene *scene, int side, const char *text)
{
	ck_assert_int_eq(write(scene->far[side], text, strlen(text)), (ssize_t)strlen(text));
}

/* ---- small exchanges ---- */

START_TEST(bytes_go_both_ways_and_are_counted)
{
	for (enum kind kind = UNIX_PAIRS; kind <= DRIPPING; kind++) {
		struct scene scene;

		start(&scene, kind);
		say(&scene, 0, "to the right");
		say(&scene, 1, "left");
		check_takes(&scene, 1, "to the right");
		check_takes(&scene, 0, "left");
		shutdown(scene.far[0], SHUT_WR);
		shutdown(scene.far[1], SHUT_WR);
		ck_assert(run_until(scene.loop, is_over, &scene));
		ck_assert_uint_eq(scene.bytes[0], 12);
		ck_assert_uint_eq(scene.bytes[1], 4);
		check_end(&scene, 0, 0);
		check_end(&scene, 1, 0);
		tear_down(&scene);
	}
}
END_TEST

/* The end of a right stream is found behind its first bytes, without another event. */
START_TEST(first_bytes_and_their_end_are_one_event)
{
	for (enum kind kind = UNIX_PAIRS; kind <= DRIPPING; kind++) {
		struct scene scene;

		start(&scene, kind);
		scene.set.right_may_end = true;
		say(&scene, 1, "answer");
		shutdown(scene.far[1], SHUT_WR);
		check_takes(&scene, 0, "answer");
		check_end(&scene, 0, 0);
		ck_assert_uint_eq(scene.set.look.until, 0);
		say(&scene, 0, "more");
		check_takes(&scene, 1, "more");
		shutdown(scene.far[0], SHUT_WR);
		ck_assert(run_until(scene.loop, is_over, &scene));
		ck_assert_uint_eq(scene.bytes[1], 6);
		tear_down(&scene);
	}
}
END_TEST

/* A reset behind the first bytes is no end, although only the look meets it. */
START_TEST(a_reset_behind_the_first_bytes_stays_one)
{
	struct scene scene;
	char text[8];

	start(&scene, TCP_PAIRS);
	scene.set.right_may_end = true;
	say(&scene, 1, "answer");
	sockets_reset(scene.far[1]);
	scene.far[1] = dup(STDERR_FILENO); /* tear_down closes it */
	ck_assert(run_until(scene.loop, is_over, &scene));
	ck_assert_int_eq(scene.cause, RELAY_RIGHT_BROKEN);
	while (read(scene.far[0], text, sizeof text) > 0)
		;
	ck_assert_int_eq(errno, ECONNRESET);
	tear_down(&scene);
}
END_TEST

START_TEST(who_looks_for_an_end_in_vain_looks_less_often)
{
	static const unsigned waits[] = { 2, 1, 0, 4 };
	struct scene scene;

	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
		struct end_look look = { .until = i ? waits[i - 1] : 0, .vain = i ? 1 : 0 };

		start(&scene, TCP_PAIRS);
		scene.set.right_may_end = true;
		scene.set.look = look;
		say(&scene, 1, "answer");
		check_takes(&scene, 0, "answer");
		ck_assert_uint_eq(scene.set.look.until, waits[i]);
		say(&scene, 1, "more");
		check_takes(&scene, 0, "more");
		ck_assert_uint_eq(scene.set.look.until, waits[i]); /* only behind the first ones */
		shutdown(scene.far[1], SHUT_WR);
		shutdown(scene.far[0], SHUT_WR);
		ck_assert(run_until(scene.loop, is_over, &scene));
		tear_down(&scene);
	}
}
END_TEST

START_TEST(each_direction_ends_on_its_own)
{
	for (int side = 0; side < 2; side++) {
		for (enum kind kind = UNIX_PAIRS; kind <= DRIPPING; kind++) {
			struct scene scene;

			start(&scene, kind);
			say(&scene, side, "question");
			shutdown(scene.far[side], SHUT_WR);
			check_takes(&scene, !side, "question");
			check_end(&scene, !side, 0);
			say(&scene, !side, "answer one");
			check_takes(&scene, side, "answer one");
			say(&scene, !side, "answer two");
			check_takes(&scene, side, "answer two");
			ck_assert_uint_eq(scene.n_ends, 0);
			shutdown(scene.far[!side], SHUT_WR);
			check_end(&scene, side, 0);
			ck_assert(run_until(scene.loop, is_over, &scene));
			tear_down(&scene);
		}
	}
}
END_TEST

START_TEST(a_left_stream_that_ends_first_without_a_byte_is_told_apart)
{
	static const struct {
		int first;         /* the side that ends first */
		const char *bytes; /* from the left */
		enum relay_cause cause;
	} cases[] = { { 0, "", RELAY_LEFT_EMPTY },
		      { 0, "x", RELAY_FINISHED },
		      { 1, "", RELAY_FINISHED } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene scene;

		start(&scene, TCP_PAIRS);
		say(&scene, 1, "question");
		check_takes(&scene, 0, "question");
		say(&scene, 0, cases[i].bytes);
		check_takes(&scene, 1, cases[i].bytes);
		shutdown(scene.far[cases[i].first], SHUT_WR);
		check_end(&scene, !cases[i].first, 0);
		shutdown(scene.far[!cases[i].first], SHUT_WR);
		ck_assert(run_until(scene.loop, is_over, &scene));
		ck_assert_int_eq(scene.cause, cases[i].cause);
		tear_down(&scene);
	}
}
END_TEST

/* Both ends have come by the time the relay looks, the right one first. The order of reading
 * proves nothing. */
START_TEST(who_ended_first_is_not_who_is_read_first)
{
	for (enum kind kind = TCP_PAIRS; kind <= DRIPPING; kind++) {
		struct scene scene;

		start(&scene, kind);
		run_for(scene.loop, 20);
		shutdown(scene.far[1], SHUT_WR);
		shutdown(scene.far[0], SHUT_WR);
		ck_assert(run_until(scene.loop, is_over, &scene));
		ck_assert_int_eq(scene.cause, RELAY_FINISHED);
		tear_down(&scene);
	}
}
END_TEST

START_TEST(bytes_that_came_before_go_first)
{
	struct buf for_left = { 0 }, for_right = { 0 };
	struct scene scene;

	ck_assert(buf_append(&for_left, "left ", 5, 10));
	ck_assert(buf_append(&for_right, "right ", 6, 10));
	start_with(&scene, TCP_PAIRS, &for_left, &for_right);
	ck_assert_ptr_null(for_left.data);
	ck_assert_ptr_null(for_right.data);
	say(&scene, 0, "follows");
	say(&scene, 1, "follows");
	check_takes(&scene, 1, "right follows");
	check_takes(&scene, 0, "left follows");
	tear_down(&scene);
	ck_assert_uint_eq(scene.bytes[0], 13);
	ck_assert_uint_eq(scene.bytes[1], 7); /* the bytes for the left were our own */
}
END_TEST

/* Input of the right stream that has come before leaves together with our own bytes. Only the input
 * counts. */
START_TEST(what_waited_joins_our_words)
{
	static const char *const said[] = { "", "right" };

	for (size_t i = 0; i < 2; i++) {
		struct scene scene;
		struct stream *sides[2];
		struct buf for_left = { 0 }, none = { 0 };
		char text[32] = "";

		make_sides(&scene, TCP_PAIRS, sides);
		scene.set.right_waited = true;
		ck_assert(buf_append(&for_left, "ours ", 5, 10));
		say(&scene, 1, said[i]);
		relay_start(&scene.set,
		            &(struct relay_plan){
				    sides[0], sides[1], &for_left, &none, 0, 0, 0, { NULL } },
		            on_end, &scene);
		ck_assert_int_eq(read(scene.far[0], text, sizeof text),
		                 (ssize_t)(5 + strlen(said[i])));
		ck_assert_str_eq(text + 5, said[i]);
		say(&scene, 1, "more");
		check_takes(&scene, 0, "more");
		tear_down(&scene);
		ck_assert_uint_eq(scene.bytes[1], strlen(said[i]) + 4);
	}
}
END_TEST

/* The same for the right: bytes of our own, bytes that came before, and input that has come. */
START_TEST(what_has_come_joins_our_words_for_the_right)
{
	static const char *const said[] = { "", "left" };

	for (size_t i = 0; i < 2; i++) {
		struct scene scene;
		struct stream *sides[2];
		struct buf for_right = { 0 }, none = { 0 };
		char text[32] = "";

		make_sides(&scene, TCP_PAIRS, sides);
		ck_assert(buf_append(&for_right, "ours before ", 12, 12));
		say(&scene, 0, said[i]);
		relay_start(&scene.set,
		            &(struct relay_plan){
				    sides[0], sides[1], &none, &for_right, 0, 0, 5, { NULL } },
		            on_end, &scene);
		ck_assert_int_eq(read(scene.far[1], text, sizeof text),
		                 (ssize_t)(12 + strlen(said[i])));
		ck_assert_str_eq(text + 12, said[i]);
		say(&scene, 0, "more");
		check_takes(&scene, 1, "more");
		tear_down(&scene);
		ck_assert_uint_eq(scene.bytes[0], 7 + strlen(said[i]) + 4);
	}
}
END_TEST

/* A left stream that has ended at once is still told apart by whether it has sent bytes. */
START_TEST(our_words_are_no_bytes_of_the_left)
{
	static const struct {
		const char *said, *all;
		enum relay_cause cause;
	} cases[] = { { "", "ours ", RELAY_LEFT_EMPTY }, { "x", "ours x", RELAY_FINISHED } };

	for (size_t i = 0; i < 2; i++) {
		struct scene scene;
		struct stream *sides[2];
		struct buf for_right = { 0 }, none = { 0 };

		make_sides(&scene, TCP_PAIRS, sides);
		ck_assert(buf_append(&for_right, "ours ", 5, 5));
		say(&scene, 0, cases[i].said);
		shutdown(scene.far[0], SHUT_WR);
		run_for(scene.loop, 20);
		relay_start(&scene.set,
		            &(struct relay_plan){
				    sides[0], sides[1], &none, &for_right, 0, 0, 5, { NULL } },
		            on_end, &scene);
		check_takes(&scene, 1, cases[i].all);
		check_end(&scene, 1, 0);
		shutdown(scene.far[1], SHUT_WR);
		ck_assert(run_until(scene.loop, is_over, &scene));
		ck_assert_int_eq(scene.cause, cases[i].cause);
		tear_down(&scene);
	}
}
END_TEST

static bool has_told(void *arg)
{
	return ((struct scene *)arg)->moved[0] > 0;
}

/* What moved is told first. */
START_TEST(on_moved_may_end_a_relay)
{
	struct scene scene;

	start(&scene, TCP_PAIRS);
	scene.set.on_moved = on_moved;
	scene.is_used_up = true;
	run_for(scene.loop, 200); /* an idle one goes on */
	ck_assert_uint_eq(scene.n_ends, 0);
	say(&scene, 0, "much");
	ck_assert(run_until(scene.loop, is_over, &scene));
	ck_assert_int_eq(scene.cause, RELAY_USED_UP);
	ck_assert_uint_eq(scene.moved[0], 4);
	tear_down(&scene);
}
END_TEST

/* on_moved runs from time to time and before the end. Its sum is what on_end gets. */
START_TEST(what_moves_is_told_as_it_goes)
{
	struct scene scene;

	start(&scene, TCP_PAIRS);
	scene.set.on_moved = on_moved;
	say(&scene, 0, "long");
	check_takes(&scene, 1, "long");
	ck_assert(run_until(scene.loop, has_told, &scene));
	ck_assert_uint_eq(scene.moved[0], 4);
	ck_assert_uint_eq(scene.moved[1], 0);
	say(&scene, 0, "er");
	say(&scene, 1, "back");
	check_takes(&scene, 1, "er");
	check_takes(&scene, 0, "back");
	tear_down(&scene);
	ck_assert_mem_eq(scene.moved, scene.bytes, sizeof scene.moved);
	ck_assert_uint_eq(scene.moved[0], 6);
	ck_assert_uint_eq(scene.moved[1], 4);
}
END_TEST

START_TEST(a_reset_is_passed_on)
{
	for (int side = 0; side < 2; side++) {
		struct scene scene;

		start(&scene, TCP_PAIRS);
		say(&scene, side, "x");
		check_takes(&scene, !side, "x");
		sockets_reset(scene.far[side]);
		scene.far[side] = dup(STDERR_FILENO);
		check_end(&scene, !side, -ECONNRESET);
		ck_assert(run_until(scene.loop, is_over, &scene));
		ck_assert_int_eq(scene.cause, side ? RELAY_RIGHT_BROKEN : RELAY_LEFT_BROKEN);
		tear_down(&scene);
	}
}
END_TEST

/* The relay finds it by a write or by a read. */
START_TEST(a_reset_is_passed_on_to_one_who_sends)
{
	for (int side = 0; side < 2; side++) {
		struct scene scene;

		start(&scene, TCP_PAIRS);
		say(&scene, !side, "x");
		sockets_reset(scene.far[side]);
		scene.far[side] = dup(STDERR_FILENO);
		check_end(&scene, !side, -ECONNRESET);
		ck_assert(run_until(scene.loop, is_over, &scene));
		ck_assert_int_eq(scene.cause, side ? RELAY_RIGHT_BROKEN : RELAY_LEFT_BROKEN);
		tear_down(&scene);
	}
}
END_TEST

START_TEST(a_reset_behind_a_half_close_is_passed_on)
{
	struct scene scene;

	start(&scene, TCP_PAIRS);
	shutdown(scene.far[0], SHUT_WR);
	check_end(&scene, 1, 0);
	sockets_reset(scene.far[0]);
	scene.far[0] = dup(STDERR_FILENO);
	ck_assert(run_until(scene.loop, is_over, &scene));
	/* After an orderly end, the first write would still succeed. */
	ck_assert_int_eq(write(scene.far[1], "x", 1), -1);
	ck_assert_int_eq(scene.cause, RELAY_LEFT_BROKEN);
	tear_down(&scene);
}
END_TEST

START_TEST(one_that_carries_nothing_is_reset_if_asked)
{
	struct scene scene;

	start(&scene, TCP_PAIRS);
	run_for(scene.loop, 150);
	ck_assert_uint_eq(scene.n_ends, 0);
	scene.set.idle_ms = &(const int64_t){ 400 };
	for (int i = 0; i < 4; i++) { /* it stays as long as something moves */
		ck_assert_int_eq(send(scene.far[i % 2], "x", 1, 0), 1);
		run_for(scene.loop, 150);
	}
	ck_assert_uint_eq(scene.n_ends, 0);
	ck_assert(run_until(scene.loop, is_over, &scene));
	ck_assert_uint_eq(scene.bytes[0], 2);
	ck_assert_int_eq(scene.cause, RELAY_IDLE);
	tear_down(&scene);
}
END_TEST

/* ---- peers that are gone ---- */

START_TEST(one_whose_peer_answers_nothing_is_reset)
{
	for (int side = 0; side < 2; side++) {
		struct scene scene;

		start(&scene, TCP_PAIRS);
		scene.set.watch.timeout_ms = 300;
		say(&scene, !side, "before");
		check_takes(&scene, side, "before");
		run_for(scene.loop, 100); /* it is settled */
		sockets_vanish(scene.far[side]);
		run_for(scene.loop, 350); /* nothing is sent that could be answered */
		ck_assert_uint_eq(scene.n_ends, 0);
		say(&scene, !side, "x");
		check_end(&scene, !side, -ECONNRESET);
		ck_assert(run_until(scene.loop, is_over, &scene));
		tear_down(&scene);
	}
}
END_TEST

/* The end of a flow must be acknowledged, too. */
START_TEST(one_whose_peer_ignores_the_end_is_reset)
{
	struct scene scene;

	start(&scene, TCP_PAIRS);
	scene.set.watch.timeout_ms = 300;
	run_for(scene.loop, 100);
	sockets_vanish(scene.far[1]);
	shutdown(scene.far[0], SHUT_WR);
	ck_assert(run_until(scene.loop, is_over, &scene));
	tear_down(&scene);
}
END_TEST

static void check_keepalive(int fd, int idle_s, int interval_s, int probes)
{
	ck_assert_int_eq(sockets_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(sockets_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), idle_s);
	ck_assert_int_eq(sockets_option(fd, IPPROTO_TCP, TCP_KEEPINTVL), interval_s);
	ck_assert_int_eq(sockets_option(fd, IPPROTO_TCP, TCP_KEEPCNT), probes);
}

static bool is_doubted(const void *relay_arg)
{
	return ((const struct scene *)relay_arg)->n_ends == 0;
}

static bool is_never_doubted(const void *relay_arg)
{
	(void)relay_arg;
	return false;
}

START_TEST(each_side_has_its_keepalive)
{
	struct scene scene;

	start(&scene, TCP_PAIRS);
	scene.set.watch = (struct relay_watch){ .keepalive_ms = { 20000, 7001 },
		                                .timeout_ms = 120000 };
	run_for(scene.loop, 100);
	check_keepalive(scene.near[0], 20, 5, 20);
	check_keepalive(scene.near[1], 8, 2, 56);
	tear_down(&scene);
}
END_TEST

START_TEST(a_left_peer_whose_host_was_lost_is_probed_soon)
{
	atomic_uint losses = 0;
	struct scene scene;

	start(&scene, TCP_PAIRS);
	scene.set.watch = (struct relay_watch){ .keepalive_ms = { 20000, 20000 },
		                                .timeout_ms = 120000,
		                                .doubt_ms = 15000 };
	scene.set.losses = &losses;
	scene.set.is_lost = is_never_doubted;
	losses++;
	run_for(scene.loop, 100);
	check_keepalive(scene.near[0], 20, 5, 20);
	scene.set.is_lost = is_doubted;
	run_for(scene.loop, 100); /* it is asked after a loss only */
	check_keepalive(scene.near[0], 20, 5, 20);
	losses++;
	run_for(scene.loop, 100);
	check_keepalive(scene.near[0], 5, 1, 10);
	check_keepalive(scene.near[1], 20, 5, 20);
	ck_assert_uint_eq(scene.n_ends, 0);
	tear_down(&scene);
}
END_TEST

START_TEST(a_lost_host_is_not_given_more_time_than_others)
{
	atomic_uint losses = 1;
	struct scene scene;

	start(&scene, TCP_PAIRS);
	scene.set.watch = (struct relay_watch){ .keepalive_ms = { 1000, 20000 },
		                                .timeout_ms = 5000,
		                                .doubt_ms = 15000 };
	scene.set.losses = &losses;
	run_for(scene.loop, 100);
	check_keepalive(scene.near[0], 1, 1, 4);
	tear_down(&scene);
}
END_TEST

/* Only the left peer's limit is shorter. */
START_TEST(a_left_peer_whose_host_was_lost_is_given_up_sooner)
{
	for (int side = 0; side < 2; side++) {
		atomic_uint losses = 0;
		struct scene scene;

		start(&scene, TCP_PAIRS);
		scene.set.watch.timeout_ms = 120000;
		scene.set.watch.doubt_ms = 200;
		scene.set.losses = &losses;
		sockets_vanish(scene.far[side]);
		say(&scene, !side, "x");
		run_for(scene.loop, 700);
		ck_assert_uint_eq(scene.n_ends, 0);
		losses++;
		if (side == 0)
			ck_assert(run_until(scene.loop, is_over, &scene));
		else
			run_for(scene.loop, 700);
		ck_assert_uint_eq(scene.n_ends, side == 0);
		tear_down(&scene);
	}
}
END_TEST

START_TEST(ending_the_set_resets_all)
{
	struct scene scene;

	start(&scene, TCP_PAIRS);
	ck_assert_uint_eq(scene.set.count, 1);
	relay_set_fini(&scene.set);
	ck_assert_uint_eq(scene.n_ends, 0); /* later, never from within */
	check_end(&scene, 0, -ECONNRESET);
	check_end(&scene, 1, -ECONNRESET);
	tear_down(&scene);
	ck_assert_int_eq(scene.cause, RELAY_CUT_OFF);
}
END_TEST

/* ---- streams of bytes ---- */

enum { BULK = 8 * 1024 * 1024 };

struct bulk {
	uint8_t *sent, *got;
	size_t n_sent, n_got, size;
	unsigned seed;
	bool ended;
};

static unsigned next(struct bulk *bulk)
{
	return (bulk->seed = bulk->seed * 1103515245 + 12345) >> 8;
}

/* Both sides read and write a random number of bytes, as far as the sockets allow. */
static void move(struct scene *scene, struct bulk *bulk, int from)
{
	size_t most = 1 + next(bulk) % 200000, left = bulk->size - bulk->n_sent;
	ssize_t n = left ? write(scene->far[from], bulk->sent + bulk->n_sent,
	                         left < most ? left : most)
	                 : 0;

	if (n > 0 && (bulk->n_sent += (size_t)n) == bulk->size)
		shutdown(scene->far[from], SHUT_WR);
	most = 1 + next(bulk) % 200000;
	left = bulk->size + 1 - bulk->n_got;
	n = read(scene->far[!from], bulk->got + bulk->n_got, left < most ? left : most);
	if (n > 0)
		bulk->n_got += (size_t)n;
	bulk->ended = bulk->ended || n == 0;
}

static void make_bulk(struct bulk *bulk, size_t size, unsigned seed)
{
	*bulk = (struct bulk){ malloc(size), malloc(size + 1), 0, 0, size, seed, false };
	ck_assert(bulk->sent && bulk->got);
	for (size_t i = 0; i < size; i++)
		bulk->sent[i] = (uint8_t)(i % 3 ? i >> 8 : next(bulk));
}

static void check_bulk(struct bulk *bulk)
{
	uint8_t sent[CRYPTO_SHA256_SIZE], got[CRYPTO_SHA256_SIZE];

	ck_assert_uint_eq(bulk->n_got, bulk->size);
	ck_assert(crypto_sha256(bulk->sent, bulk->size, sent));
	ck_assert(crypto_sha256(bulk->got, bulk->n_got, got));
	ck_assert_mem_eq(sent, got, sizeof sent);
	free(bulk->sent);
	free(bulk->got);
}

static void check_bulks(enum kind kind, size_t size, unsigned most_pipes)
{
	int64_t until = clock_ms() + 20000;
	struct bulk bulks[2];
	struct scene scene;

	start(&scene, kind);
	scene.set.pipes.most = most_pipes;
	make_bulk(&bulks[0], size, 1);
	make_bulk(&bulks[1], size / 2, 2);
	while (!(bulks[0].ended && bulks[1].ended) && clock_ms() < until) {
		for (int i = 0; i < 2; i++) {
			if (!bulks[i].ended)
				move(&scene, &bulks[i], i);
		}
		run_for(scene.loop, 0);
	}
	check_bulk(&bulks[0]);
	check_bulk(&bulks[1]);
	ck_assert(run_until(scene.loop, is_over, &scene));
	ck_assert_uint_eq(scene.bytes[0], size);
	ck_assert_uint_eq(scene.bytes[1], size / 2);
	ck_assert_int_eq(scene.cause, RELAY_FINISHED);
	tear_down(&scene);
}

START_TEST(bulk_arrives_unchanged)
{
	check_bulks(UNIX_PAIRS, BULK, 4);
	check_bulks(TCP_PAIRS, BULK, 4);
}
END_TEST

START_TEST(bulk_without_pipes_arrives_unchanged)
{
	check_bulks(TCP_PAIRS, BULK, 0);
	check_bulks(TCP_PAIRS, BULK, 1); /* enough for one direction */
}
END_TEST

START_TEST(bulk_through_a_dribble_arrives_unchanged)
{
	check_bulks(DRIPPING, 20000, 4);
}
END_TEST

/* ---- a reader that stalls ---- */

/* Writes until the relay takes no more for a while. Returns how much it took. */
static size_t fill(struct scene *scene, int from)
{
	static const char zeroes[65536];
	size_t all = 0;

	for (int idle = 0; idle < 20;) {
		ssize_t n = write(scene->far[from], zeroes, sizeof zeroes);

		idle = n > 0 ? 0 : idle + 1;
		all += n > 0 ? (size_t)n : 0;
		run_for(scene->loop, 1);
	}
	return all;
}

START_TEST(a_stalled_reader_bounds_what_is_held)
{
	char bytes[65536];
	struct scene scene;
	size_t all, got = 0;
	struct mallinfo2 before, after;

	start(&scene, UNIX_PAIRS);
	before = mallinfo2();
	all = fill(&scene, 0);
	after = mallinfo2();
	ck_assert_uint_lt(after.uordblks - before.uordblks, 300 * 1024);
	say(&scene, 1, "the other way is open");
	check_takes(&scene, 0, "the other way is open");
	shutdown(scene.far[0], SHUT_WR);
	while (got < all) {
		ssize_t n = take(&scene, 1, bytes, sizeof bytes);

		ck_assert_int_gt(n, 0);
		got += (size_t)n;
	}
	check_end(&scene, 1, 0);
	tear_down(&scene);
	ck_assert_uint_eq(scene.bytes[0], all);
}
END_TEST

/* Reads so many bytes at the other side. */
static void drain(struct scene *scene, int side, size_t size)
{
	static char bytes[65536];

	while (size > 0) {
		ssize_t n = take(scene, side, bytes, size < sizeof bytes ? size : sizeof bytes);

		ck_assert_int_gt(n, 0);
		size -= (size_t)n;
	}
}

/* Bulk that cannot be spliced is read in large pieces. Everything else is read in small pieces,
 * also for a reader that does not keep up. */
START_TEST(bulk_that_is_copied_is_read_in_great_pieces)
{
	static const size_t little = (size_t)64 * 1024;
	static uint8_t piece[40 * 1024];
	struct notary *left;
	struct scene scene;
	size_t all;

	start(&scene, NOTED);
	left = scene.notaries[0];
	say(&scene, 0, "little");
	check_takes(&scene, 1, "little");
	ck_assert_uint_eq(left->most, little);
	for (int i = 0; i < 3; i++) {
		left->first = 0;
		ck_assert_int_eq(write(scene.far[0], piece, sizeof piece), (ssize_t)sizeof piece);
		drain(&scene, 1, sizeof piece);
		ck_assert_uint_eq(left->first, i < 2 ? little : LOOP_SCRATCH);
	}
	all = fill(&scene, 0);
	ck_assert_uint_eq(left->most, LOOP_SCRATCH);
	left->first = 0;
	drain(&scene, 1, all);
	ck_assert_uint_eq(left->first, little);
	relay_set_fini(&scene.set);
	tear_down(&scene);
}
END_TEST

START_TEST(a_limit_on_what_is_held_makes_reads_short)
{
	enum { MOST = 8 * 1024 };
	struct notary *left;
	struct scene scene;
	size_t all;

	start(&scene, NOTED);
	scene.set.most_held = MOST;
	left = scene.notaries[0];
	all = fill(&scene, 0);
	ck_assert_uint_eq(left->most, MOST);
	drain(&scene, 1, all);
	relay_set_fini(&scene.set);
	tear_down(&scene);
}
END_TEST

/* A flow that cannot pass its bytes on keeps its pipe. No other flow has one. */
START_TEST(a_pipe_is_held_only_while_bytes_are_in_it)
{
	char bytes[65536];
	struct scene scene;
	size_t all, got = 0;

	start(&scene, TCP_PAIRS);
	all = fill(&scene, 0);
	ck_assert_uint_eq(scene.set.pipes.n_all, 1);
	ck_assert_uint_eq(scene.set.pipes.n_idle, 0);
	while (got < all) {
		ssize_t n = take(&scene, 1, bytes, sizeof bytes);

		ck_assert_int_gt(n, 0);
		got += (size_t)n;
	}
	ck_assert_uint_eq(scene.set.pipes.n_idle, 1);
	all = fill(&scene, 0);
	ck_assert_uint_eq(scene.set.pipes.n_idle, 0);
	relay_set_fini(&scene.set); /* with the bytes in it */
	ck_assert_uint_eq(scene.set.pipes.n_all, 0);
	tear_down(&scene);
}
END_TEST

/* The blocked side is not read and has no watcher. Its reset is found all the same. */
START_TEST(a_reset_of_a_blocked_sender_is_passed_on)
{
	struct scene scene;

	start(&scene, TCP_PAIRS);
	ck_assert_uint_gt(fill(&scene, 0), 0);
	sockets_reset(scene.far[0]);
	scene.far[0] = dup(STDERR_FILENO);
	ck_assert(run_until_within(scene.loop, 5000, is_over, &scene));
	tear_down(&scene);
}
END_TEST

/* All bytes are on their way to the left side, which takes them late. */
START_TEST(a_unix_socket_that_is_closed_waits_for_a_slow_reader)
{
	char bytes[1000] = { 0 };
	struct scene scene;

	start(&scene, UNIX_PAIRS);
	scene.set.watch.timeout_ms = 100;
	ck_assert_int_eq(write(scene.far[1], bytes, sizeof bytes), (ssize_t)sizeof bytes);
	close(scene.far[1]);
	scene.far[1] = dup(STDERR_FILENO);
	run_for(scene.loop, 500);
	ck_assert_uint_eq(scene.n_ends, 0);
	ck_assert_int_eq(read(scene.far[0], bytes, sizeof bytes), (ssize_t)sizeof bytes);
	ck_assert_int_eq(read(scene.far[0], bytes, sizeof bytes), 0);
	ck_assert(run_until(scene.loop, is_over, &scene));
	ck_assert_int_eq(scene.cause, RELAY_FINISHED);
	tear_down(&scene);
}
END_TEST

START_TEST(a_reader_that_dies_ends_the_relay)
{
	struct scene scene;

	start(&scene, TCP_PAIRS);
	ck_assert_uint_gt(fill(&scene, 0), 0);
	sockets_reset(scene.far[1]);
	scene.far[1] = dup(STDERR_FILENO);
	check_end(&scene, 0, -ECONNRESET);
	ck_assert(run_until_within(scene.loop, 5000, is_over, &scene));
	tear_down(&scene);
}
END_TEST

/* ---- a limited rate ---- */

/* The peer of a unix socket has closed it, with bytes that are not read yet. The left side takes
 * them after some sweeps. */
START_TEST(a_unix_socket_that_is_closed_has_not_died)
{
	char bytes[65536];
	struct scene scene;
	size_t all, got = 0;

	start(&scene, UNIX_PAIRS);
	all = fill(&scene, 1);
	close(scene.far[1]);
	scene.far[1] = dup(STDERR_FILENO);
	run_for(scene.loop, 200);
	ck_assert_uint_eq(scene.n_ends, 0);
	while (got < all) {
		ssize_t n = take(&scene, 0, bytes, sizeof bytes);

		ck_assert_int_gt(n, 0);
		got += (size_t)n;
	}
	check_end(&scene, 0, 0);
	run_for(scene.loop, 200);
	ck_assert_uint_eq(scene.n_ends, 0);
	scene.set.watch.timeout_ms = 100; /* the left side keeps it open, but is quiet */
	ck_assert(run_until(scene.loop, is_over, &scene));
	ck_assert_int_eq(scene.cause, RELAY_FINISHED);
	tear_down(&scene);
}
END_TEST

static bool is_less(const size_t got[2], size_t most)
{
	return got[0] < most || got[1] < most;
}

/* Bytes go to both sides, copied or spliced. 400 ms carry 400 ms' worth and the burst of 100 ms. A
 * busy machine may need longer for a tenth of that. */
START_TEST(a_limited_rate_bounds_each_direction)
{
	static const enum kind kinds[] = { UNIX_PAIRS, TCP_PAIRS, DRIPPING };
	static char bytes[400000];

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t got[2] = { 0, 0 }, rate = kinds[i] == DRIPPING ? 20000 : 500000;
		struct scene scene;
		int64_t began_ms, took_ms;

		start_at_rate(&scene, kinds[i], &(struct buf){ 0 }, &(struct buf){ 0 }, rate);
		began_ms = clock_ms();
		while (clock_ms() - began_ms < 400 ||
		       (is_less(got, rate / 10) && clock_ms() - began_ms < 10000)) {
			for (int side = 0; side < 2; side++) {
				ssize_t n = write(scene.far[side], bytes, sizeof bytes);

				ck_assert(n > 0 || errno == EAGAIN);
				n = read(scene.far[!side], bytes, sizeof bytes);
				got[side] += n > 0 ? (size_t)n : 0;
			}
			run_for(scene.loop, 1);
		}
		took_ms = clock_ms() - began_ms;
		for (int side = 0; side < 2; side++) {
			size_t due = rate * (size_t)took_ms / 1000;

			ck_assert_uint_le(got[side], due + rate / 10 + 1);
			ck_assert_uint_ge(got[side], rate / 10);
		}
		relay_set_fini(&scene.set);
		tear_down(&scene);
	}
}
END_TEST

/* The limit begins while the relay runs, and ends before it. */
START_TEST(a_shared_limit_holds_from_the_next_sweep_on)
{
	static const enum kind kinds[] = { UNIX_PAIRS, TCP_PAIRS, DRIPPING };
	static char bytes[400000];

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t got = 0, rate = kinds[i] == DRIPPING ? 20000 : 500000, most;
		struct bucket bucket;
		struct stream *sides[2];
		struct buf none[2] = { { 0 } };
		struct relay_plan plan = { .for_left = &none[0], .for_right = &none[1] };
		struct scene scene;
		int64_t began_ms;

		bucket_init(&bucket, 1);
		make_sides(&scene, kinds[i], sides);
		plan.left = sides[0];
		plan.right = sides[1];
		plan.buckets[0] = &bucket;
		relay_start(&scene.set, &plan, on_end, &scene);
		ck_assert(bucket_set_rate(&bucket, rate));
		run_for(scene.loop, 200); /* some sweeps */
		began_ms = clock_ms();
		while (clock_ms() - began_ms < 400 ||
		       (got < rate / 10 && clock_ms() - began_ms < 10000)) {
			ssize_t n = write(scene.far[0], bytes, sizeof bytes);

			ck_assert(n > 0 || errno == EAGAIN);
			n = read(scene.far[1], bytes, sizeof bytes);
			got += n > 0 ? (size_t)n : 0;
			run_for(scene.loop, 1);
		}
		most = rate * (size_t)(clock_ms() - began_ms + 1) / 1000 + rate / 10;
		ck_assert_uint_le(got, most);
		ck_assert_uint_ge(got, rate / 10);
		say(&scene, 1, "answer"); /* the other direction is free */
		check_takes(&scene, 0, "answer");
		relay_set_fini(&scene.set);
		tear_down(&scene);
		ck_assert_uint_eq(bucket.waiting, 0);
		bucket_fini(&bucket);
	}
}
END_TEST

/* What comes in a pause arrives after it, with the end. */
START_TEST(a_limited_rate_loses_nothing)
{
	static char bytes[30000];
	struct buf for_right = { 0 };
	struct scene scene;
	int64_t began_ms = clock_ms();

	ck_assert(buf_append(&for_right, bytes, 10000, 10000));
	start_at_rate(&scene, TCP_PAIRS, &(struct buf){ 0 }, &for_right, 100000);
	ck_assert_int_eq(write(scene.far[0], bytes, sizeof bytes), (ssize_t)sizeof bytes);
	shutdown(scene.far[0], SHUT_WR);
	drain(&scene, 1, 10000 + sizeof bytes);
	check_end(&scene, 1, 0);
	ck_assert_int_ge(clock_ms() - began_ms, 250); /* 40000 bytes, 10000 of them at once */
	say(&scene, 1, "answer");
	check_takes(&scene, 0, "answer");
	shutdown(scene.far[1], SHUT_WR);
	check_end(&scene, 0, 0);
	tear_down(&scene);
	ck_assert_uint_eq(scene.bytes[0], 10000 + sizeof bytes);
}
END_TEST

START_TEST(a_reset_in_a_pause_is_passed_on)
{
	struct scene scene;

	start_at_rate(&scene, TCP_PAIRS, &(struct buf){ 0 }, &(struct buf){ 0 }, 10);
	say(&scene, 0, "more than ten bytes");
	run_for(scene.loop, 5);
	sockets_reset(scene.far[0]);
	scene.far[0] = dup(STDERR_FILENO);
	ck_assert(run_until_within(scene.loop, 5000, is_over, &scene));
	tear_down(&scene);
}
END_TEST

/* The left peer has been sent some input of the right stream before: it counts, and none is awaited
 * at the start. */
START_TEST(what_has_moved_before_is_counted)
{
	struct scene scene;
	struct stream *sides[2];
	struct buf none[2] = { { 0 }, { 0 } };
	char text[16];

	make_sides(&scene, TCP_PAIRS, sides);
	scene.set.right_waited = true;
	say(&scene, 1, "rest");
	relay_start(
		&scene.set,
		&(struct relay_plan){ sides[0], sides[1], &none[0], &none[1], 0, 10, 0, { NULL } },
		on_end, &scene);
	ck_assert_int_eq(read(scene.far[0], text, sizeof text), -1); /* no read at the start */
	ck_assert_int_eq(errno, EAGAIN);
	check_takes(&scene, 0, "rest");
	say(&scene, 0, "back");
	check_takes(&scene, 1, "back");
	tear_down(&scene);
	ck_assert_uint_eq(scene.bytes[0], 4);
	ck_assert_uint_eq(scene.bytes[1], 14);
}
END_TEST

static void take_back(struct stream *stream, struct buf *rest, void *arg)
{
	(void)arg;
	buf_fini(rest);
	stream_close(stream, false);
}

static void drop(void *arg)
{
	(void)arg;
}

/* It does not wait for the next turn. */
START_TEST(input_that_has_left_the_socket_is_passed_on_at_once)
{
	static const struct stream_home home = { take_back, drop };
	struct scene scene;
	struct stream *sides[2];
	struct buf received = { 0 }, none[2] = { { 0 }, { 0 } };
	char text[16];

	make_sides(&scene, TCP_PAIRS, sides);
	ck_assert(buf_append(&received, "\1\0\0\5first\2\0\0\0", 13, 64));
	ck_assert(stream_begin_user(sides[0], &home, NULL, &received, &none[0]));
	ck_assert(stream_has_input(sides[0]));
	relay_start(
		&scene.set,
		&(struct relay_plan){ sides[0], sides[1], &none[0], &none[1], 0, 0, 0, { NULL } },
		on_end, &scene);
	ck_assert_int_eq(read(scene.far[1], text, sizeof text), 5);
	ck_assert_mem_eq(text, "first", 5);
	check_end(&scene, 1, 0); /* the visitor's end came, too */
	shutdown(scene.far[1], SHUT_WR);
	ck_assert(run_until(scene.loop, is_over, &scene));
	ck_assert_int_eq(scene.cause, RELAY_FINISHED);
	tear_down(&scene);
	ck_assert_uint_eq(scene.bytes[0], 5);
}
END_TEST

SUITE("relay", first_bytes_and_their_end_are_one_event, a_reset_behind_the_first_bytes_stays_one,
      who_looks_for_an_end_in_vain_looks_less_often,
      input_that_has_left_the_socket_is_passed_on_at_once, a_limited_rate_bounds_each_direction,
      a_shared_limit_holds_from_the_next_sweep_on, a_limited_rate_loses_nothing,
      a_reset_in_a_pause_is_passed_on, bulk_without_pipes_arrives_unchanged,
      a_pipe_is_held_only_while_bytes_are_in_it, one_that_carries_nothing_is_reset_if_asked,
      one_whose_peer_answers_nothing_is_reset, one_whose_peer_ignores_the_end_is_reset,
      each_side_has_its_keepalive, a_left_peer_whose_host_was_lost_is_probed_soon,
      a_lost_host_is_not_given_more_time_than_others,
      a_left_peer_whose_host_was_lost_is_given_up_sooner, bytes_go_both_ways_and_are_counted,
      each_direction_ends_on_its_own, a_left_stream_that_ends_first_without_a_byte_is_told_apart,
      who_ended_first_is_not_who_is_read_first, bytes_that_came_before_go_first,
      what_waited_joins_our_words, what_has_come_joins_our_words_for_the_right,
      our_words_are_no_bytes_of_the_left, what_moves_is_told_as_it_goes, on_moved_may_end_a_relay,
      a_reset_is_passed_on, a_reset_is_passed_on_to_one_who_sends,
      a_reset_behind_a_half_close_is_passed_on, ending_the_set_resets_all, bulk_arrives_unchanged,
      bulk_through_a_dribble_arrives_unchanged, bulk_that_is_copied_is_read_in_great_pieces,
      a_limit_on_what_is_held_makes_reads_short, a_stalled_reader_bounds_what_is_held,
      a_reset_of_a_blocked_sender_is_passed_on, a_unix_socket_that_is_closed_has_not_died,
      a_unix_socket_that_is_closed_waits_for_a_slow_reader, a_reader_that_dies_ends_the_relay,
      what_has_moved_before_is_counted)
