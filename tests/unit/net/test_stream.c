#include "net/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "epoll_sets.h"
#include "lane/lane.h"
#include "loop/loop.h"
#include "run_until.h"
#include "sockets.h"
#include "suite.h"
#include "transports/drip.h"
#include "transports/stacking.h"

/* An owner that keeps what it reads, and writes what the test gives it. */
struct owner {
	struct loop *loop;
	struct stream *stream;
	int fd;    /* the near end, which the stream owns */
	int other; /* the far end */
	char got[4096];
	size_t n_got;
	const char *to_send;
	size_t n_to_send;
	bool ended, broken, opened, failed, shut, shut_wanted;
	unsigned n_told;
	bool closes; /* when it is told who the peer is */
	unsigned n_events;
	size_t pause_at; /* it wants no more input once so much has come */
};

static bool write_some(struct owner *owner)
{
	while (owner->n_to_send > 0) {
		size_t n;
		enum stream_io io = stream_write(owner->stream, owner->to_send, owner->n_to_send,
		                                 &n);

		if (io == STREAM_ERROR)
			owner->broken = true;
		if (io != STREAM_OK)
			return false;
		owner->to_send += n;
		owner->n_to_send -= n;
	}
	if (owner->shut_wanted && !owner->shut)
		owner->shut = stream_shutdown(owner->stream) == STREAM_OK;
	return !owner->shut_wanted || owner->shut;
}

static void read_some(struct owner *owner)
{
	size_t n;
	enum stream_io io = stream_read(owner->stream, owner->got + owner->n_got,
	                                sizeof owner->got - owner->n_got, &n);

	owner->n_got += n;
	owner->ended = owner->ended || io == STREAM_EOF;
	owner->broken = owner->broken || io == STREAM_ERROR;
}

static void on_event(struct stream *stream, unsigned events, void *arg)
{
	struct owner *owner = arg;
	bool written = true;

	ck_assert_ptr_eq(stream, owner->stream);
	owner->n_events++;
	if (events & STREAM_TOLD) {
		ck_assert_uint_eq(events, STREAM_TOLD);
		owner->n_told++;
		if (owner->closes)
			stream_close(stream, true);
		return;
	}
	owner->opened = owner->opened || events & STREAM_OPENED;
	owner->failed = owner->failed || events & STREAM_FAILED;
	if (owner->failed) {
		stream_close(stream, true);
		return;
	}
	if (events & STREAM_READABLE)
		read_some(owner);
	if (owner->opened)
		written = write_some(owner);
	if (owner->broken || owner->ended || (owner->pause_at && owner->n_got >= owner->pause_at))
		stream_want(stream, written ? 0 : SPORE_WRITE);
	else
		stream_want(stream, SPORE_READ | (written ? 0 : SPORE_WRITE));
}

static void start(struct owner *owner, bool dripping)
{
	spore_addr peer;
	int fds[2];

	*owner = (struct owner){ .loop = run_until_loop() };
	sockets_tcp_pair(fds);
	ck_assert(addr_parse("127.0.0.1:1", &peer));
	owner->fd = fds[0];
	owner->other = fds[1];
	owner->stream = stream_new(owner->loop, fds[0], &peer, NULL);
	ck_assert_ptr_nonnull(owner->stream);
	if (dripping)
		stacking_push(owner->stream, &drip_new(stream_top(owner->stream))->base, false);
	stream_set_owner(owner->stream, on_event, owner);
}

static void start_open(struct owner *owner, bool dripping)
{
	start(owner, dripping);
	ck_assert(stream_open(owner->stream));
	owner->opened = true;
	stream_want(owner->stream, SPORE_READ);
}

/* Makes the two sockets hold little, however the kernel sizes their buffers. */
static void make_narrow(struct owner *owner)
{
	int bytes = 16384;

	ck_assert_int_eq(setsockopt(owner->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
	ck_assert_int_eq(setsockopt(owner->other, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

static size_t read_to_end(int fd, char *out, size_t size)
{
	size_t all = 0;

	while (poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 5000) == 1) {
		ssize_t n = read(fd, out + all, size - all);

		ck_assert_int_ge(n, 0);
		if (n == 0)
			return all;
		all += (size_t)n;
	}
	ck_abort_msg("no end came");
	return 0;
}

static void stop(struct owner *owner)
{
	stream_close(owner->stream, false);
	stream_close(NULL, false);
	loop_free(owner->loop);
	if (owner->other >= 0)
		close(owner->other);
}

static bool has_ended(void *arg)
{
	return ((struct owner *)arg)->ended;
}

static bool has_ten_bytes(void *arg)
{
	return ((struct owner *)arg)->n_got == 10;
}

static bool is_broken(void *arg)
{
	return ((struct owner *)arg)->broken;
}

static bool has_sent_all(void *arg)
{
	struct owner *owner = arg;

	return owner->n_to_send == 0 && (!owner->shut_wanted || owner->shut);
}

static bool has_read_raw(void *arg)
{
	return stream_raw(((struct owner *)arg)->stream) & SPORE_READ;
}

static bool has_failed(void *arg)
{
	return ((struct owner *)arg)->failed;
}

static bool has_opened(void *arg)
{
	return ((struct owner *)arg)->opened;
}

/* ---- the bare socket ---- */

START_TEST(bytes_go_both_ways)
{
	struct owner owner;
	char back[16];

	start_open(&owner, false);
	ck_assert_uint_eq(stream_raw(owner.stream), SPORE_READ | SPORE_WRITE);
	ck_assert_int_eq(write(owner.other, "hello", 5), 5);
	shutdown(owner.other, SHUT_WR);
	owner.to_send = "world";
	owner.n_to_send = 5;
	owner.shut_wanted = true;
	ck_assert(run_until(owner.loop, has_ended, &owner));
	ck_assert(run_until(owner.loop, has_sent_all, &owner));
	ck_assert_uint_eq(owner.n_got, 5);
	ck_assert_mem_eq(owner.got, "hello", 5);
	ck_assert_int_eq(read(owner.other, back, sizeof back), 5);
	ck_assert_int_eq(read(owner.other, back, sizeof back), 0);
	stop(&owner);
}
END_TEST

START_TEST(reading_goes_on_behind_a_half_close)
{
	struct owner owner;
	char byte;

	start_open(&owner, false);
	ck_assert_int_eq(stream_shutdown(owner.stream), STREAM_OK);
	ck_assert_int_eq(poll(&(struct pollfd){ owner.other, POLLIN, 0 }, 1, 5000), 1);
	ck_assert_int_eq(read(owner.other, &byte, 1), 0);
	ck_assert_int_eq(write(owner.other, "late", 4), 4);
	shutdown(owner.other, SHUT_WR);
	ck_assert(run_until(owner.loop, has_ended, &owner));
	ck_assert_mem_eq(owner.got, "late", 4);
	stop(&owner);
}
END_TEST

/* The descriptor of a stream that has ended is readable for ever, so the loop must not watch it. */
START_TEST(nothing_waits_for_a_stream_that_has_ended)
{
	struct owner owner;
	size_t n;

	start_open(&owner, false);
	shutdown(owner.other, SHUT_WR);
	while (!owner.ended) /* no turn longer: the next one would find it readable */
		ev_run(loop_ev(owner.loop), EVRUN_ONCE);
	ck_assert_uint_eq(epoll_sets_count(owner.fd), 0);
	ck_assert_int_eq(stream_write(owner.stream, "more", 4, &n), STREAM_OK);
	stop(&owner);
}
END_TEST

START_TEST(a_reset_is_an_error_with_a_cause)
{
	struct owner owner;

	start_open(&owner, false);
	sockets_reset(owner.other);
	owner.other = -1;
	ck_assert(run_until(owner.loop, is_broken, &owner));
	ck_assert_str_eq(stream_error(owner.stream), "Connection reset by peer");
	stop(&owner);
}
END_TEST

/* The kernel reports a reset once: here to the write. */
START_TEST(a_reset_that_a_write_met_is_no_end)
{
	struct owner owner;
	size_t n;

	start_open(&owner, false);
	ck_assert_int_eq(write(owner.other, "cut", 3), 3);
	sockets_reset(owner.other);
	owner.other = -1;
	ck_assert_int_eq(stream_write(owner.stream, "x", 1, &n), STREAM_ERROR);
	ck_assert_int_eq(stream_write(owner.stream, "x", 1, &n), STREAM_ERROR);
	read_some(&owner);
	ck_assert(!stream_meets_end(owner.stream));
	if (!owner.broken) /* earlier input can still be read */
		read_some(&owner);
	ck_assert(owner.broken && !owner.ended);
	stop(&owner);
}
END_TEST

/* The peer does not read any more, but all of its bytes have come. */
START_TEST(an_end_behind_which_a_write_fails_is_one)
{
	struct owner owner;
	size_t n;

	start_open(&owner, false);
	ck_assert_int_eq(write(owner.other, "whole", 5), 5);
	close(owner.other);
	owner.other = -1;
	ck_assert_int_eq(stream_write(owner.stream, "x", 1, &n), STREAM_OK);
	ck_assert_int_eq(stream_write(owner.stream, "x", 1, &n), STREAM_ERROR);
	while (!owner.ended && !owner.broken)
		read_some(&owner);
	ck_assert(owner.ended && !owner.broken);
	ck_assert_uint_eq(owner.n_got, 5);
	stop(&owner);
}
END_TEST

static int end_of(bool reset)
{
	struct owner owner;
	char byte;
	ssize_t n;
	int cause;

	start_open(&owner, false);
	stream_close(owner.stream, reset);
	stream_close(owner.stream, reset);
	ck_assert_int_eq(poll(&(struct pollfd){ owner.other, POLLIN, 0 }, 1, 5000), 1);
	n = read(owner.other, &byte, 1);
	cause = n < 0 ? errno : 0;
	loop_free(owner.loop);
	close(owner.other);
	return cause;
}

START_TEST(closing_is_orderly_or_a_reset)
{
	ck_assert_int_eq(end_of(false), 0);
	ck_assert_int_eq(end_of(true), ECONNRESET);
}
END_TEST

START_TEST(no_event_comes_that_is_not_wanted)
{
	struct owner owner;

	start_open(&owner, false);
	stream_want(owner.stream, 0);
	ck_assert_int_eq(write(owner.other, "x", 1), 1);
	run_for(owner.loop, 30);
	ck_assert_uint_eq(owner.n_events, 0);
	stream_set_owner(owner.stream, NULL, NULL);
	stream_want(owner.stream, SPORE_READ | SPORE_WRITE);
	stream_wake(owner.stream);
	run_for(owner.loop, 30);
	ck_assert_uint_eq(owner.n_events, 0);
	stop(&owner);
}
END_TEST

START_TEST(a_stream_that_is_lent_reports_nothing)
{
	struct owner owner;

	start_open(&owner, false);
	stream_lend(owner.stream);
	stream_want(owner.stream, SPORE_READ);
	ck_assert_int_eq(write(owner.other, "x", 1), 1);
	stream_wake(owner.stream);
	run_for(owner.loop, 30);
	ck_assert_uint_eq(owner.n_events, 0);
	stream_take_back(owner.stream);
	run_for(owner.loop, 30);
	ck_assert_uint_gt(owner.n_events, 0);
	stream_lend(owner.stream);
	stop(&owner);
}
END_TEST

START_TEST(no_event_follows_a_close)
{
	struct owner owner;

	start_open(&owner, true);
	ck_assert_int_eq(write(owner.other, "xyz", 3), 3);
	stream_wake(owner.stream);
	stream_close(owner.stream, false);
	stream_wake(owner.stream);
	stream_want(owner.stream, SPORE_READ);
	run_for(owner.loop, 30);
	ck_assert_uint_eq(owner.n_events, 0);
	loop_free(owner.loop);
	close(owner.other);
}
END_TEST

START_TEST(a_full_socket_is_waited_for)
{
	static char bytes[4 * 1024 * 1024], back[65536];
	struct owner owner;
	size_t all = 0;

	memset(bytes, 'x', sizeof bytes);
	start_open(&owner, false);
	make_narrow(&owner);
	owner.to_send = bytes;
	owner.n_to_send = sizeof bytes;
	stream_want(owner.stream, SPORE_READ | SPORE_WRITE);
	run_for(owner.loop, 20);
	ck_assert_uint_gt(owner.n_to_send, 0);
	while (all < sizeof bytes) {
		ssize_t n = read(owner.other, back, sizeof back);

		if (n > 0)
			all += (size_t)n;
		run_for(owner.loop, 1);
	}
	ck_assert_uint_eq(all, sizeof bytes);
	ck_assert(has_sent_all(&owner));
	stop(&owner);
}
END_TEST

/* ---- a transport that dribbles ---- */

START_TEST(a_dribbling_transport_loses_nothing)
{
	static const char text[] =
		"The quick brown fox jumps over the lazy dog, again and again and again.";
	struct owner owner;
	char back[256];

	start_open(&owner, true);
	ck_assert_uint_eq(stream_raw(owner.stream), 0);
	ck_assert_int_eq(write(owner.other, text, sizeof text), sizeof text);
	shutdown(owner.other, SHUT_WR);
	owner.to_send = text;
	owner.n_to_send = sizeof text;
	owner.shut_wanted = true;
	ck_assert(run_until(owner.loop, has_ended, &owner));
	ck_assert(run_until(owner.loop, has_sent_all, &owner));
	ck_assert_uint_eq(owner.n_got, sizeof text);
	ck_assert_mem_eq(owner.got, text, sizeof text);
	ck_assert_uint_eq(read_to_end(owner.other, back, sizeof back), sizeof text);
	ck_assert_mem_eq(back, text, sizeof text);
	stop(&owner);
}
END_TEST

/* The transport holds all bytes when the owner wants to read again: the descriptor is not readable.
 *  */
START_TEST(pending_bytes_need_no_readable_descriptor)
{
	struct owner owner;

	start_open(&owner, true);
	ck_assert_int_eq(write(owner.other, "abcdef", 6), 6);
	owner.pause_at = 2;
	run_for(owner.loop, 50);
	ck_assert_uint_eq(owner.n_got, 2);
	owner.pause_at = 0;
	stream_want(owner.stream, SPORE_READ);
	run_for(owner.loop, 100);
	ck_assert_uint_eq(owner.n_got, 6);
	ck_assert_mem_eq(owner.got, "abcdef", 6);
	stop(&owner);
}
END_TEST

static bool has_six(void *arg)
{
	return ((struct owner *)arg)->n_got >= 6;
}

START_TEST(bytes_that_are_given_back_are_read_again)
{
	struct buf bytes = { 0 };
	struct owner owner;

	start_open(&owner, true);
	ck_assert_int_eq(write(owner.other, "abcdef", 6), 6);
	owner.pause_at = 4; /* the rest waits in the transport */
	run_for(owner.loop, 50);
	ck_assert(buf_append(&bytes, owner.got, owner.n_got, SIZE_MAX));
	stream_unread(owner.stream, &bytes);
	ck_assert_uint_eq(bytes.len, 0);
	ck_assert(stream_has_input(owner.stream));
	owner.n_got = owner.pause_at = 0;
	stream_want(owner.stream, SPORE_READ);
	ck_assert(run_until(owner.loop, has_six, &owner));
	ck_assert_mem_eq(owner.got, "abcdef", 6);
	ck_assert(!stream_has_input(owner.stream));
	stop(&owner);
}
END_TEST

START_TEST(bytes_that_were_given_back_are_not_in_the_socket)
{
	struct buf bytes = { 0 };
	struct owner owner;
	char byte;
	size_t n;

	start_open(&owner, false);
	ck_assert_uint_eq(stream_raw(owner.stream), SPORE_READ | SPORE_WRITE);
	ck_assert(buf_append(&bytes, "ab", 2, SIZE_MAX));
	stream_unread(owner.stream, &bytes);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(stream_raw(owner.stream), SPORE_WRITE);
		ck_assert_int_eq(stream_read(owner.stream, &byte, 1, &n), STREAM_OK);
		ck_assert_int_eq(byte, "ab"[i]);
	}
	ck_assert_uint_eq(stream_raw(owner.stream), SPORE_READ | SPORE_WRITE);
	ck_assert(buf_append(&bytes, "left", 4, SIZE_MAX));
	stream_unread(owner.stream, &bytes);
	stop(&owner);
}
END_TEST

START_TEST(a_direction_is_raw_once_nothing_is_pending)
{
	struct owner owner;
	struct drip *drip;
	char byte;
	size_t n;

	start(&owner, true);
	drip = drip_of(stacking_top(owner.stream));
	drip->clear = SPORE_WRITE;
	drip->eager = true;
	drip->ahead[drip->n_ahead++] = 'x';
	ck_assert(stream_open(owner.stream));
	ck_assert_uint_eq(stream_raw(owner.stream), 0);
	ck_assert_int_eq(stream_read(owner.stream, &byte, 1, &n), STREAM_OK);
	ck_assert_uint_eq(stream_raw(owner.stream), SPORE_WRITE);
	drip->clear = 0; /* a later answer does not count */
	ck_assert_uint_eq(stream_raw(owner.stream), SPORE_WRITE);
	ck_assert(!stream_is_bare(owner.stream));
	stop(&owner);
}
END_TEST

START_TEST(the_stack_has_a_most)
{
	struct owner owner;
	unsigned closed = 0;

	start(&owner, false);
	for (int i = 0; i < CONN_MAX_LAYERS; i++) {
		struct drip *drip = drip_new(stream_top(owner.stream));

		drip->closed = &closed;
		stacking_push(owner.stream, &drip->base, i == 1);
	}
	ck_assert(conn_has_secure_layer(stream_conn(owner.stream)));
	stacking_push(owner.stream, stream_top(owner.stream), false); /* adds nothing */
	stream_close(owner.stream, false);
	ck_assert_uint_eq(closed, CONN_MAX_LAYERS);
	stop(&owner);
}
END_TEST

/* ---- opening ---- */

START_TEST(handshakes_are_driven_to_the_end)
{
	struct owner owner;
	struct drip *drip;

	start(&owner, true);
	drip_of(stacking_top(owner.stream))->handshakes_left = 3;
	drip = drip_new(stream_top(owner.stream));
	drip->handshakes_left = 2;
	stacking_push(owner.stream, &drip->base, false);
	ck_assert(!stream_open(owner.stream));
	ck_assert(!stream_conn(owner.stream)->peer_is_final);
	ck_assert(run_until(owner.loop, has_opened, &owner));
	ck_assert(stream_conn(owner.stream)->peer_is_final);
	ck_assert_int_eq(write(owner.other, "x", 1), 1);
	shutdown(owner.other, SHUT_WR);
	ck_assert(run_until(owner.loop, has_ended, &owner));
	ck_assert_uint_eq(owner.n_got, 1);
	stop(&owner);
}
END_TEST

static void check_hears(struct owner *owner, const char *expected)
{
	char text[16];
	size_t n = 0;

	for (int i = 0; i < 500 && n < strlen(expected); i++) {
		ssize_t got = read(owner->other, text + n, sizeof text - n);

		n += got > 0 ? (size_t)got : 0;
		run_for(owner->loop, 1);
	}
	ck_assert_uint_eq(n, strlen(expected));
	ck_assert_mem_eq(text, expected, n);
}

/* They leave whether the handshake ends at once or later, and whether the owner writes or not. */
START_TEST(a_handshakes_last_words_are_flushed)
{
	for (int i = 0; i < 4; i++) {
		struct owner owner;
		struct drip *drip;

		start(&owner, true);
		sockets_unblock(owner.other);
		drip = drip_of(stacking_top(owner.stream));
		drip->last_word = 'a';
		drip->handshakes_left = i & 1 ? 2 : 0;
		owner.to_send = "bc";
		owner.n_to_send = i & 2 ? 2 : 0;
		if (stream_open(owner.stream)) {
			owner.opened = true;
			stream_want(owner.stream, SPORE_READ | SPORE_WRITE);
		}
		check_hears(&owner, i & 2 ? "abc" : "a");
		stop(&owner);
	}
}
END_TEST

/* The upper handshake begins by reading, perhaps the answer to those bytes. */
START_TEST(a_lower_handshakes_last_words_do_not_wait_for_the_upper_one)
{
	struct owner owner;
	struct drip *upper;

	start(&owner, true);
	sockets_unblock(owner.other);
	drip_of(stacking_top(owner.stream))->last_word = 'a';
	upper = drip_new(stream_top(owner.stream));
	upper->handshakes_left = 1000000;
	upper->shake_wants = SPORE_READ;
	stacking_push(owner.stream, &upper->base, false);
	ck_assert(!stream_open(owner.stream));
	check_hears(&owner, "a");
	ck_assert(!owner.opened);
	stop(&owner);
}
END_TEST

START_TEST(a_failed_handshake_is_told_later)
{
	struct owner owner;

	start(&owner, true);
	drip_of(stacking_top(owner.stream))->fails = true;
	ck_assert(!stream_open(owner.stream));
	ck_assert_uint_eq(owner.n_events, 0);
	ck_assert_str_eq(stream_error(owner.stream), "the drip has dried up");
	ck_assert(run_until(owner.loop, has_failed, &owner));
	ck_assert_uint_eq(owner.n_events, 1);
	loop_free(owner.loop);
	close(owner.other);
}
END_TEST

START_TEST(an_opening_can_be_closed_at_once)
{
	struct owner owner;

	start(&owner, true);
	drip_of(stacking_top(owner.stream))->handshakes_left = 100;
	ck_assert(!stream_open(owner.stream));
	stream_close(owner.stream, true);
	run_for(owner.loop, 10);
	ck_assert_uint_eq(owner.n_events, 0);
	loop_free(owner.loop);
	close(owner.other);
}
END_TEST

/* The lower one of two transports tells it, so the upper one has not begun. */
START_TEST(the_owner_is_told_who_the_peer_is)
{
	struct owner owner;
	struct drip *upper;

	start(&owner, true);
	drip_of(stacking_top(owner.stream))->handshakes_left = 1;
	drip_of(stacking_top(owner.stream))->tells = stream_conn(owner.stream);
	upper = drip_new(stream_top(owner.stream));
	upper->handshakes_left = 2;
	stacking_push(owner.stream, &upper->base, false);
	ck_assert(!stream_open(owner.stream));
	ck_assert_uint_eq(owner.n_told, 0);
	ck_assert(run_until(owner.loop, has_opened, &owner));
	ck_assert_uint_eq(owner.n_told, 1);
	ck_assert(conn_is_proxied(stream_conn(owner.stream)));
	stop(&owner);
}
END_TEST

/* From stream_open itself, and later. */
START_TEST(the_owner_may_close_a_stream_for_its_peer)
{
	for (unsigned later = 0; later < 2; later++) {
		struct owner owner;
		struct drip *upper;
		unsigned closed = 0;

		start(&owner, true);
		owner.closes = true;
		drip_of(stacking_top(owner.stream))->handshakes_left = later;
		drip_of(stacking_top(owner.stream))->tells = stream_conn(owner.stream);
		upper = drip_new(stream_top(owner.stream));
		upper->fails = true; /* if it is asked */
		upper->closed = &closed;
		stacking_push(owner.stream, &upper->base, false);
		ck_assert(!stream_open(owner.stream));
		ck_assert_uint_eq(owner.n_told, !later);
		run_for(owner.loop, 20);
		ck_assert_uint_eq(owner.n_events, 1);
		ck_assert_uint_eq(owner.n_told, 1);
		ck_assert_uint_eq(closed, 1);
		loop_free(owner.loop);
		close(owner.other);
	}
}
END_TEST

static unsigned n_dropped;

static void drop_ticket(spore_ticket ticket)
{
	ck_assert_uint_eq(ticket, 42);
	n_dropped++;
}

START_TEST(the_handshakes_ticket_is_dropped_once)
{
	struct owner owner;

	start(&owner, true);
	stream_set_ticket(owner.stream, 42, drop_ticket);
	drip_of(stacking_top(owner.stream))->handshakes_left = 1;
	ck_assert(!stream_open(owner.stream));
	ck_assert_uint_eq(n_dropped, 0);
	ck_assert(run_until(owner.loop, has_opened, &owner));
	ck_assert_uint_eq(n_dropped, 1);
	stop(&owner);
	ck_assert_uint_eq(n_dropped, 1);
	start(&owner, true);
	stream_set_ticket(owner.stream, 42, drop_ticket);
	stop(&owner);
	ck_assert_uint_eq(n_dropped, 2);
}
END_TEST

/* ---- fairness ---- */

static void do_nothing(struct ev_loop *ev, ev_io *io, int events)
{
	(void)ev;
	(void)io;
	(void)events;
}

/* A loop that always has other work still delivers them. */
START_TEST(pending_bytes_do_not_wait_for_a_quiet_loop)
{
	struct owner owner;
	int fds[2];
	ev_io busy;

	start_open(&owner, true);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ev_io_init(&busy, do_nothing, fds[0],
	           EV_READ); /* nobody reads it, so it is ready in every turn */
	ev_io_start(loop_ev(owner.loop), &busy);
	drip_of(stacking_top(owner.stream))->eager = true;
	ck_assert_int_eq(write(owner.other, "abcdefghij", 10), 10);
	ck_assert(run_until_within(owner.loop, 5000, has_ten_bytes, &owner));
	ev_io_stop(loop_ev(owner.loop), &busy);
	close(fds[0]);
	close(fds[1]);
	stop(&owner);
}
END_TEST

static unsigned n_endless_reads;

static int64_t read_endless(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	(void)base;
	(void)n;
	(void)want;
	if (++n_endless_reads > 200000)
		return 0;
	*(char *)iov->base = 'x';
	return 1;
}

static size_t pending_endless(spore_stream *base)
{
	(void)base;
	return n_endless_reads > 200000 ? 0 : 1;
}

static void swallow(struct stream *stream, unsigned events, void *ended)
{
	char bytes[64];
	size_t n;

	(void)events;
	if (stream_read(stream, bytes, sizeof bytes, &n) == STREAM_EOF) {
		*(bool *)ended = true;
		stream_want(stream, 0);
	}
}

static void note_reads(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	*(unsigned *)timer->data = n_endless_reads;
}

/* A transport that always holds more bytes must not keep the loop from its other work. */
START_TEST(one_stream_with_pending_bytes_does_not_stop_the_loop)
{
	spore_stream_ops ops;
	struct owner owner;
	unsigned reads_at_timer = UINT32_MAX;
	bool ended = false;
	ev_timer timer;

	start(&owner, true);
	ops = *stacking_top(owner.stream)->ops;
	ops.readv = read_endless;
	ops.pending = pending_endless;
	stacking_top(owner.stream)->ops = &ops;
	stream_set_owner(owner.stream, swallow, &ended);
	ck_assert(stream_open(owner.stream));
	ev_timer_init(&timer, note_reads, 0.001, 0.0);
	timer.data = &reads_at_timer;
	ev_timer_start(loop_ev(owner.loop), &timer);
	stream_want(owner.stream, SPORE_READ);
	ck_assert(run_until(owner.loop, run_until_is_set, &ended));
	ck_assert_uint_lt(reads_at_timer, 200000);
	stop(&owner);
}
END_TEST

/* ---- transports that break the contract ---- */

/* Replaces operations of the topmost stream, for one test at a time. */
static spore_stream_ops *change_ops(struct owner *owner)
{
	static spore_stream_ops ops;
	spore_stream *top = stacking_top(owner->stream);

	ops = *top->ops;
	top->ops = &ops;
	return &ops;
}

static int64_t read_too_much(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	(void)base;
	(void)iov;
	(void)n;
	(void)want;
	return INT64_MAX;
}

/* Only the stream with the fault ends, and with a reset. */
START_TEST(a_fault_ends_the_stream)
{
	struct owner owner;
	size_t n;
	char byte;

	start_open(&owner, true);
	change_ops(&owner)->readv = read_too_much;
	ck_assert_int_eq(write(owner.other, "x", 1), 1);
	ck_assert(run_until(owner.loop, is_broken, &owner));
	ck_assert_ptr_nonnull(strstr(stream_error(owner.stream),
	                             "transport test: readv() returned 9223372036854775807 bytes"));
	ck_assert_str_eq(stream_complaint(owner.stream), stream_error(owner.stream));
	ck_assert_uint_eq(owner.n_got, 0);
	ck_assert_int_eq(stream_write(owner.stream, "x", 1, &n), STREAM_ERROR);
	ck_assert_int_eq(stream_shutdown(owner.stream), STREAM_ERROR);
	ck_assert_uint_eq(stream_raw(owner.stream), 0);
	stream_close(owner.stream, false);
	ck_assert_int_eq(poll(&(struct pollfd){ owner.other, POLLIN, 0 }, 1, 5000), 1);
	ck_assert_int_eq(read(owner.other, &byte, 1), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	stop(&owner);
}
END_TEST

static spore_status flush_wrongly(spore_stream *base, uint32_t *want)
{
	(void)base;
	(void)want;
	return 5;
}

/* The write itself succeeds, so an event tells the owner. */
START_TEST(a_fault_of_a_flush_is_told)
{
	struct owner owner;
	size_t n;

	start_open(&owner, true);
	change_ops(&owner)->flush = flush_wrongly;
	ck_assert_int_eq(stream_write(owner.stream, "x", 1, &n), STREAM_OK);
	ck_assert(!owner.broken);
	ck_assert(run_until(owner.loop, is_broken, &owner));
	ck_assert_ptr_nonnull(strstr(stream_error(owner.stream), "flush() returned 5"));
	stop(&owner);
}
END_TEST

static spore_status shake_wrongly(spore_stream *base, uint32_t *want, spore_ticket ticket)
{
	(void)base;
	(void)ticket;
	*want = 0;
	return SPORE_EAGAIN;
}

START_TEST(a_fault_of_a_handshake_fails_the_opening)
{
	struct owner owner;

	start(&owner, true);
	change_ops(&owner)->handshake = shake_wrongly;
	ck_assert(!stream_open(owner.stream));
	ck_assert_ptr_nonnull(
		strstr(stream_error(owner.stream), "handshake() returned SPORE_EAGAIN"));
	ck_assert(run_until(owner.loop, has_failed, &owner));
	ck_assert_uint_eq(owner.n_events, 1);
	loop_free(owner.loop);
	close(owner.other);
}
END_TEST

static int64_t write_too_much(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	int64_t put = drip_writev(base, iov, n, want);

	return put > 0 ? put + 100 : put;
}

/* The stream above never sees the result. */
START_TEST(a_fault_below_names_the_lower_transport)
{
	struct layer_origin origin = { .name = "upper" };
	struct owner owner;
	size_t n;

	start(&owner, true);
	change_ops(&owner)->writev = write_too_much;
	ck_assert(stream_push(owner.stream, &drip_new(stream_top(owner.stream))->base, &origin));
	ck_assert(stream_open(owner.stream));
	owner.opened = true;
	stream_want(owner.stream, SPORE_READ);
	stream_write(owner.stream, "x", 1, &n);
	ck_assert(run_until(owner.loop, is_broken, &owner));
	ck_assert_ptr_nonnull(
		strstr(stream_error(owner.stream), "transport test: writev() returned 101"));
	stop(&owner);
}
END_TEST

static void close_half(spore_stream *base, uint32_t how)
{
	(void)how;
	free(drip_of(base));
}

START_TEST(what_a_transport_does_not_close_is_closed)
{
	struct owner owner;
	unsigned closed = 0;
	char byte;

	start_open(&owner, true);
	drip_of(stacking_top(owner.stream))->closed = &closed;
	stacking_push(owner.stream, &drip_new(stream_top(owner.stream))->base, false);
	change_ops(&owner)->close = close_half;
	stream_close(owner.stream, false);
	ck_assert_uint_eq(closed, 1);
	ck_assert_int_eq(poll(&(struct pollfd){ owner.other, POLLIN, 0 }, 1, 5000), 1);
	ck_assert_int_le(read(owner.other, &byte, 1), 0);
	stop(&owner);
}
END_TEST

/* ---- transports that would keep the worker busy ---- */

static unsigned n_calls;

static spore_status flush_never(spore_stream *base, uint32_t *want)
{
	(void)base;
	n_calls++;
	*want = SPORE_WRITE;
	return SPORE_EAGAIN;
}

static int64_t read_never(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	(void)base;
	(void)iov;
	(void)n;
	n_calls++;
	*want = SPORE_READ;
	return SPORE_EAGAIN;
}

static size_t pending_always(spore_stream *base)
{
	(void)base;
	return SIZE_MAX;
}

static spore_status shake_never(spore_stream *base, uint32_t *want, spore_ticket ticket)
{
	(void)base;
	(void)ticket;
	n_calls++;
	*want = SPORE_WRITE;
	return SPORE_EAGAIN;
}

static void check_stalled(struct owner *owner, const char *call)
{
	ck_assert_ptr_nonnull(strstr(stream_error(owner->stream), call));
	ck_assert_ptr_nonnull(strstr(stream_error(owner->stream), "but no byte moved"));
	ck_assert_uint_ge(n_calls, STALL_TURNS);
	ck_assert_uint_le(n_calls, STALL_TURNS + 10);
	n_calls = 0;
}

START_TEST(a_flush_that_never_ends_is_ended)
{
	struct owner owner;
	size_t n;

	start_open(&owner, true);
	change_ops(&owner)->flush = flush_never;
	ck_assert_int_eq(stream_write(owner.stream, "x", 1, &n), STREAM_OK);
	stream_want(owner.stream, SPORE_READ);
	ck_assert(run_until(owner.loop, is_broken, &owner));
	check_stalled(&owner, "flush() returned SPORE_EAGAIN in 1000 turns");
	stop(&owner);
}
END_TEST

/* Because bytes are pending for ever, or because the descriptor stays readable. */
START_TEST(a_read_that_never_succeeds_is_ended)
{
	for (int i = 0; i < 2; i++) {
		struct owner owner;
		spore_stream_ops *ops;

		start_open(&owner, true);
		ops = change_ops(&owner);
		ops->readv = read_never;
		if (i == 0)
			ops->pending = pending_always;
		else
			ck_assert_int_eq(write(owner.other, "x", 1), 1);
		stream_want(owner.stream, SPORE_READ);
		ck_assert(run_until(owner.loop, is_broken, &owner));
		check_stalled(&owner, "readv() returned SPORE_EAGAIN in 1000 turns");
		stop(&owner);
	}
}
END_TEST

START_TEST(a_handshake_that_spins_is_ended)
{
	struct owner owner;

	start(&owner, true);
	change_ops(&owner)->handshake = shake_never;
	ck_assert(!stream_open(owner.stream));
	ck_assert_str_eq(stream_shaking(owner.stream), "test");
	while (!owner.failed && !strstr(stream_error(owner.stream), "no byte moved"))
		run_for(owner.loop, 1);
	ck_assert(run_until(owner.loop, has_failed, &owner));
	ck_assert_uint_le(n_calls, STALL_TURNS + 10);
	loop_free(owner.loop);
	close(owner.other);
}
END_TEST

static int64_t read_and_wake(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct owner *owner = *(struct owner **)drip_of(base)->ahead;

	stream_wake(owner->stream);
	return read_never(base, iov, n, want);
}

static size_t pending_never(spore_stream *base)
{
	(void)base;
	return 0;
}

/* Each wake-up comes in the turn of the last one. */
START_TEST(a_transport_that_wakes_itself_for_ever_is_ended)
{
	struct owner owner, *pointer = &owner;
	spore_stream_ops *ops;

	start_open(&owner, true);
	ops = change_ops(&owner);
	ops->readv = read_and_wake;
	ops->pending = pending_never;
	memcpy(drip_of(stacking_top(owner.stream))->ahead, &pointer, sizeof pointer);
	stream_wake(owner.stream);
	ck_assert(run_until(owner.loop, is_broken, &owner));
	check_stalled(&owner, "readv() returned SPORE_EAGAIN in 1000 turns");
	stop(&owner);
}
END_TEST

/* One that takes long, but moves bytes or waits for the peer, is left alone. */
START_TEST(a_difficult_transport_is_not_ended)
{
	static char text[600];
	struct owner owner;

	memset(text, 'x', sizeof text);
	start(&owner, true);
	drip_of(stacking_top(owner.stream))->handshakes_left = STALL_TURNS - 100;
	ck_assert(!stream_open(owner.stream));
	ck_assert(run_until(owner.loop, has_opened, &owner));
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(write(owner.other, text, sizeof text), sizeof text);
		owner.n_got = 0;
		while (owner.n_got < sizeof text)
			run_for(owner.loop, 1);
	}
	ck_assert(!owner.broken);
	n_calls = 0;
	change_ops(&owner)->readv = read_never;
	run_for(owner.loop, 50);
	ck_assert_uint_le(n_calls, 2);
	stop(&owner);
}
END_TEST

/* ---- hang-ups ---- */

/* They count as readiness, also for a handshake that waits for a byte. */
START_TEST(a_hang_up_repeats_the_call_that_waits)
{
	static char bytes[4 * 1024 * 1024];
	struct owner owner;

	start(&owner, true);
	drip_of(stacking_top(owner.stream))->handshakes_left = 1;
	drip_of(stacking_top(owner.stream))->shake_wants = SPORE_READ;
	ck_assert(!stream_open(owner.stream));
	run_for(owner.loop, 20);
	ck_assert(!owner.opened);
	shutdown(owner.other, SHUT_WR);
	ck_assert(run_until(owner.loop, has_opened, &owner));
	stop(&owner);
	start_open(&owner, true);
	make_narrow(&owner);
	drip_of(stacking_top(owner.stream))->clear = SPORE_WRITE;
	owner.to_send = bytes;
	owner.n_to_send = sizeof bytes;
	stream_want(owner.stream, SPORE_WRITE);
	run_for(owner.loop, 50);
	ck_assert(!owner.broken);
	sockets_reset(owner.other);
	owner.other = -1;
	ck_assert(run_until(owner.loop, is_broken, &owner));
	stop(&owner);
}
END_TEST

/* ---- moving to another worker ---- */

static void *state_on(const void *instance, const struct loop *loop)
{
	(void)instance;
	return (void *)(uintptr_t)loop;
}

static struct loop *second_loop(void)
{
	struct err err;
	struct loop *loop = loop_new(1, &err);

	ck_assert_ptr_nonnull(loop);
	return loop;
}

static void move(struct owner *owner, struct loop *to)
{
	enum stream_io io;

	while ((io = stream_detach(owner->stream, state_on)) == STREAM_AGAIN)
		run_for(owner->loop, 1);
	ck_assert_int_eq(io, STREAM_OK);
	ck_assert_ptr_null(stream_loop(owner->stream));
	ck_assert(stream_attach(owner->stream, to, state_on));
	owner->loop = to;
	stream_set_owner(owner->stream, on_event, owner);
}

static bool has_all(void *arg)
{
	return ((struct owner *)arg)->n_got == 20;
}

START_TEST(a_stream_moves_with_its_bytes)
{
	struct owner owner;
	struct loop *first, *second = second_loop();
	char back[16];

	start_open(&owner, true);
	first = owner.loop;
	owner.pause_at = 3; /* the rest waits in the transport and in the socket */
	ck_assert_int_eq(write(owner.other, "0123456789", 10), 10);
	while (owner.n_got < 3)
		run_for(first, 1);
	stream_want(owner.stream, 0);
	move(&owner, second);
	ck_assert_ptr_eq(drip_of(stacking_top(owner.stream))->state, second);
	ck_assert_ptr_eq(stream_loop(owner.stream), second);
	ck_assert_int_eq(write(owner.other, "0123456789", 10), 10);
	run_for(second, 20);
	run_for(first, 20);
	ck_assert_uint_eq(owner.n_got, 3);
	owner.pause_at = 0;
	stream_want(owner.stream, SPORE_READ);
	ck_assert(run_until(second, has_all, &owner));
	ck_assert_mem_eq(owner.got, "01234567890123456789", 20);
	stream_want(owner.stream, 0);
	move(&owner, first);
	owner.to_send = "back";
	owner.n_to_send = 4;
	stream_want(owner.stream, SPORE_WRITE);
	ck_assert(run_until(first, has_sent_all, &owner));
	run_for(first, 20);
	ck_assert_int_eq(read(owner.other, back, sizeof back), 4);
	stop(&owner);
	loop_free(second);
}
END_TEST

START_TEST(a_bare_stream_moves)
{
	struct owner owner;
	struct loop *first, *second = second_loop();

	start_open(&owner, false);
	first = owner.loop;
	ck_assert(stream_can_move(owner.stream));
	move(&owner, second);
	ck_assert_int_eq(write(owner.other, "x", 1), 1);
	shutdown(owner.other, SHUT_WR);
	stream_want(owner.stream, SPORE_READ);
	ck_assert(run_until(second, has_ended, &owner));
	ck_assert_uint_eq(owner.n_got, 1);
	stop(&owner);
	loop_free(first);
}
END_TEST

/* The upper layer has been detached already when the lower one says so. */
START_TEST(a_busy_transport_keeps_all_where_they_are)
{
	struct owner owner;
	struct drip *lower, *upper;

	start(&owner, true);
	lower = drip_of(stacking_top(owner.stream));
	upper = drip_new(stream_top(owner.stream));
	stacking_push(owner.stream, &upper->base, false);
	ck_assert_int_eq(stream_detach(owner.stream, state_on), STREAM_ERROR); /* not open */
	ck_assert(stream_open(owner.stream));
	lower->busy = 1;
	ck_assert_int_eq(stream_detach(owner.stream, state_on), STREAM_AGAIN);
	ck_assert_ptr_eq(upper->state, owner.loop);
	ck_assert_ptr_eq(stream_loop(owner.stream), owner.loop);
	stream_wake(owner.stream);
	ck_assert_int_eq(stream_detach(owner.stream, state_on), STREAM_AGAIN); /* its task */
	run_for(owner.loop, 1);
	lower->busy = 1;
	upper->stays = true;
	ck_assert_int_eq(stream_detach(owner.stream, state_on), STREAM_ERROR);
	stop(&owner);
}
END_TEST

START_TEST(a_stack_moves_only_as_a_whole)
{
	struct owner owner;

	start_open(&owner, true);
	ck_assert(stream_can_move(owner.stream));
	change_ops(&owner)->attach = NULL;
	ck_assert(!stream_can_move(owner.stream));
	ck_assert_int_eq(stream_detach(owner.stream, state_on), STREAM_ERROR);
	stop(&owner);
}
END_TEST

static void count_release(void *kept)
{
	++*(unsigned *)kept;
}

START_TEST(a_detached_stream_can_be_closed)
{
	struct loop *second = second_loop();
	struct owner owner;
	unsigned released = 0, closed = 0;
	char byte;

	start_open(&owner, true);
	stream_keep(owner.stream, count_release, &released);
	drip_of(stacking_top(owner.stream))->closed = &closed;
	ck_assert_int_eq(stream_detach(owner.stream, state_on), STREAM_OK);
	stream_close(owner.stream, false);
	ck_assert_uint_eq(closed, 1);
	ck_assert_uint_eq(released, 1);
	ck_assert_int_eq(poll(&(struct pollfd){ owner.other, POLLIN, 0 }, 1, 5000), 1);
	ck_assert_int_eq(read(owner.other, &byte, 1), 0);
	loop_free(owner.loop);
	close(owner.other);
	start_open(&owner, true);
	drip_of(stacking_top(owner.stream))->stays = true;
	ck_assert_int_eq(stream_detach(owner.stream, state_on), STREAM_OK);
	ck_assert(!stream_attach(owner.stream, second, state_on));
	stop(&owner);
	loop_free(second);
}
END_TEST

/* ---- one user after another ---- */

/* Where a stream goes: how often it came back, with which bytes, and how often it was closed. */
struct house {
	struct owner *owner;
	unsigned n_back, n_dropped;
	char rest[16];
};

static void take_back(struct stream *stream, struct buf *rest, void *arg)
{
	struct house *house = arg;

	ck_assert_ptr_eq(stream, house->owner->stream);
	house->n_back++;
	snprintf(house->rest, sizeof house->rest, "%.*s", (int)rest->len,
	         rest->len ? (const char *)buf_bytes(rest) : "");
	buf_fini(rest);
}

static void drop(void *arg)
{
	((struct house *)arg)->n_dropped++;
}

static const struct stream_home home = { take_back, drop };

/* A user that sends "to" and gets "fro". */
static void serve_user(struct owner *owner, struct house *house, const char *behind)
{
	struct buf received = { 0 }, unsent = { 0 };
	char back[32];

	owner->n_got = 0;
	owner->ended = owner->shut = false;
	ck_assert(buf_append(&unsent, "plain", 5, 64));
	stream_set_owner(owner->stream, on_event, owner);
	ck_assert(stream_begin_user(owner->stream, &home, house, &received, &unsent));
	ck_assert(!stream_is_bare(owner->stream));
	owner->to_send = "to";
	owner->n_to_send = 2;
	owner->shut_wanted = true;
	stream_want(owner->stream, SPORE_READ | SPORE_WRITE);
	ck_assert_int_eq(write(owner->other, "\1\0\0\3fro\2\0\0\0", 11), 11);
	ck_assert_int_eq(write(owner->other, behind, strlen(behind)), (ssize_t)strlen(behind));
	ck_assert(run_until(owner->loop, has_ended, owner));
	ck_assert(run_until(owner->loop, has_sent_all, owner));
	ck_assert_uint_eq(owner->n_got, 3);
	ck_assert_mem_eq(owner->got, "fro", 3);
	ck_assert_int_eq(recv(owner->other, back, 15, MSG_WAITALL), 15);
	ck_assert_mem_eq(back, "plain\1\0\0\2to\2\0\0\0", 15);
	stream_close(owner->stream, false);
}

START_TEST(a_stream_has_one_user_after_another)
{
	struct owner owner;
	struct house house = { .owner = &owner };

	start_open(&owner, false);
	serve_user(&owner, &house, "");
	ck_assert_uint_eq(house.n_back, 1);
	ck_assert_str_eq(house.rest, "");
	ck_assert(stream_is_bare(owner.stream));
	serve_user(&owner, &house, "next");
	ck_assert_uint_eq(house.n_back, 2);
	ck_assert_uint_eq(house.n_dropped, 0);
	stop(&owner);
}
END_TEST

static void begin_held_user(struct owner *owner, struct house *house)
{
	struct buf received = { 0 }, unsent = { 0 };
	char byte;

	*house = (struct house){ .owner = owner };
	start_open(owner, false);
	ck_assert(buf_append(&unsent, "plain", 5, 64));
	ck_assert(stream_begin_user(owner->stream, &home, house, &received, &unsent));
	stream_hold_user(owner->stream);
	run_for(owner->loop, 5);
	ck_assert_int_eq(recv(owner->other, &byte, 1, MSG_DONTWAIT), -1);
}

static void expect_at_once(struct owner *owner, const char *bytes, size_t len)
{
	char got[32];

	ck_assert_int_eq(recv(owner->other, got, sizeof got, MSG_DONTWAIT), (ssize_t)len);
	ck_assert_mem_eq(got, bytes, len);
}

START_TEST(plain_bytes_may_wait_for_the_users_first_ones)
{
	struct owner owner;
	struct house house;
	size_t n;

	begin_held_user(&owner, &house);
	ck_assert_int_eq(stream_write(owner.stream, "to", 2, &n), STREAM_OK);
	expect_at_once(&owner, "plain\1\0\0\2to", 11);
	stream_release_user(owner.stream); /* it comes too late */
	run_for(owner.loop, 5);
	ck_assert_int_eq(recv(owner.other, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
	stop(&owner);
}
END_TEST

START_TEST(plain_bytes_that_wait_leave_with_the_users_end_or_a_release)
{
	struct owner owner;
	struct house house;

	begin_held_user(&owner, &house);
	ck_assert_int_eq(stream_shutdown(owner.stream), STREAM_OK);
	expect_at_once(&owner, "plain\2\0\0\0", 9);
	stop(&owner);
	begin_held_user(&owner, &house);
	stream_release_user(owner.stream);
	expect_at_once(&owner, "plain", 5);
	stop(&owner);
}
END_TEST

/* The peer sends nothing else before it gets them. */
START_TEST(plain_bytes_that_wait_leave_with_a_read_of_all_that_comes)
{
	struct owner owner;
	struct house house;
	uint8_t header[LANE_HEADER];

	begin_held_user(&owner, &house);
	lane_put_data_header(header, LANE_FIRST_MOST);
	ck_assert_int_eq(write(owner.other, header, sizeof header), (ssize_t)sizeof header);
	ck_assert_int_eq(write(owner.other, "x", 1), 1);
	while (owner.n_got == 0)
		run_for(owner.loop, 1);
	expect_at_once(&owner, "plain", 5);
	stop(&owner);
}
END_TEST

/* Its bytes may be on their way, and the peer may send more of its own. */
START_TEST(a_user_that_has_not_ended_ends_the_stream)
{
	struct owner owner;
	struct house house = { .owner = &owner };
	struct buf received = { 0 }, unsent = { 0 };
	char byte;

	start_open(&owner, false);
	ck_assert(stream_begin_user(owner.stream, &home, &house, &received, &unsent));
	stream_close(owner.stream, false);
	ck_assert_uint_eq(house.n_dropped, 1);
	ck_assert_uint_eq(house.n_back, 0);
	ck_assert_int_eq(read(owner.other, &byte, 1), 0);
	stop(&owner);
}
END_TEST

static struct stream *pushed;
static unsigned n_drops;

static void push_and_drop(void *arg)
{
	(void)arg;
	if (n_drops++ < 3)
		stream_push_user(pushed);
}

static const struct stream_home pushing_home = { NULL, push_and_drop };

static bool reads_raw(void *arg)
{
	const struct owner *owner = arg;

	return stream_raw(owner->stream) & SPORE_READ;
}

/* Without a framed byte left, the lane would end once more. */
START_TEST(a_lane_whose_end_pushes_bytes_ends_once)
{
	struct owner owner;
	struct buf received = { 0 }, unsent = { 0 };
	static char bytes[65536];

	start_open(&owner, false);
	pushed = owner.stream;
	n_drops = 0;
	for (int i = 0; i < 30; i++) {
		while (send(owner.fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0 ||
		       send(owner.fd, bytes, 1, MSG_DONTWAIT) > 0)
			;
		poll(NULL, 0, 5);
	}
	ck_assert(buf_append(&unsent, "Opened", 6, 64));
	ck_assert(stream_begin_user(owner.stream, &pushing_home, NULL, &received, &unsent));
	stream_hold_user(owner.stream);
	stream_want(owner.stream, SPORE_READ);
	ck_assert_int_eq(write(owner.other, "\3\0\0\0x", 5), 5);
	ck_assert(run_until(owner.loop, reads_raw, &owner));
	stream_go_raw(owner.stream);
	ck_assert_uint_eq(n_drops, 0);
	for (int i = 0; i < 30; i++) {
		while (recv(owner.other, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
			;
		poll(NULL, 0, 5);
	}
	stream_close(owner.stream, true);
	ck_assert_uint_eq(n_drops, 1);
}
END_TEST

START_TEST(a_user_that_sends_much_keeps_the_stream)
{
	struct owner owner;
	struct house house = { .owner = &owner };
	struct buf received = { 0 }, unsent = { 0 };
	char back[8];
	size_t n;

	start_open(&owner, false);
	ck_assert(stream_begin_user(owner.stream, &home, &house, &received, &unsent));
	ck_assert_uint_eq(stream_raw(owner.stream), 0);
	stream_go_raw(owner.stream);
	ck_assert_uint_eq(stream_raw(owner.stream), SPORE_WRITE);
	ck_assert_int_eq(write(owner.other, "\3\0\0\0", 4), 4);
	ck_assert(run_until(owner.loop, has_read_raw, &owner));
	ck_assert_int_eq(stream_write(owner.stream, "much", 4, &n), STREAM_OK);
	ck_assert_int_eq(recv(owner.other, back, 8, MSG_WAITALL), 8);
	ck_assert_mem_eq(back, "\3\0\0\0much", 8);
	stop(&owner);
	ck_assert_uint_eq(house.n_dropped, 1);
}
END_TEST

static const uint8_t raw_header[] = { 3, 0, 0, 0 };

static bool is_raw_both_ways(void *arg)
{
	return stream_raw(((struct owner *)arg)->stream) == (SPORE_READ | SPORE_WRITE);
}

/* Without frames in either direction, no user follows, and the stream is as one that had none. */
START_TEST(a_stream_that_is_plain_both_ways_has_left_its_frames)
{
	struct owner owner;
	struct house house = { .owner = &owner };
	struct buf received = { 0 }, unsent = { 0 };
	char back[8];
	size_t n;

	start_open(&owner, false);
	ck_assert(stream_begin_user(owner.stream, &home, &house, &received, &unsent));
	stream_go_raw(owner.stream);
	ck_assert_uint_eq(house.n_dropped, 0);
	ck_assert_int_eq(write(owner.other, "\1\0\0\2in\3\0\0\0plain", 15), 15);
	ck_assert(run_until(owner.loop, is_raw_both_ways, &owner));
	ck_assert_uint_eq(house.n_dropped, 1);
	ck_assert(stream_is_bare(owner.stream));
	ck_assert_int_eq(stream_write(owner.stream, "out", 3, &n), STREAM_OK);
	ck_assert_int_eq(recv(owner.other, back, 7, MSG_WAITALL), 7);
	ck_assert_mem_eq(back, "\3\0\0\0out", 7);
	while (owner.n_got < 7)
		run_for(owner.loop, 1);
	ck_assert_mem_eq(owner.got, "inplain", 7);
	ck_assert_int_eq(stream_shutdown(owner.stream), STREAM_OK);
	ck_assert_int_eq(recv(owner.other, back, 1, 0), 0); /* the connection's own end */
	ck_assert_int_eq(write(owner.other, raw_header, 4), 4);
	while (owner.n_got < 11)
		run_for(owner.loop, 1);
	ck_assert_mem_eq(owner.got + 7, raw_header, 4); /* bytes of the user, too */
	stop(&owner);
	ck_assert_uint_eq(house.n_dropped, 1);
	ck_assert_uint_eq(house.n_back, 0);
}
END_TEST

/* The other direction keeps its frames. */
START_TEST(one_direction_may_be_plain)
{
	struct owner owner;
	struct house house = { .owner = &owner };
	struct buf received = { 0 }, unsent = { 0 };
	char back[8];
	size_t n;

	start_open(&owner, false);
	ck_assert(stream_begin_user(owner.stream, &home, &house, &received, &unsent));
	ck_assert_int_eq(write(owner.other, "\3\0\0\0in", 6), 6);
	ck_assert(run_until(owner.loop, has_read_raw, &owner));
	ck_assert_uint_eq(stream_raw(owner.stream), SPORE_READ);
	ck_assert_int_eq(stream_write(owner.stream, "out", 3, &n), STREAM_OK);
	ck_assert_int_eq(recv(owner.other, back, 7, MSG_WAITALL), 7);
	ck_assert_mem_eq(back, "\1\0\0\3out", 7);
	ck_assert(!stream_is_bare(owner.stream));
	ck_assert_uint_eq(house.n_dropped, 0);
	stop(&owner);
	ck_assert_uint_eq(house.n_dropped, 1);
}
END_TEST

enum { TICKS = 20 };

static bool has_ticked(void *arg)
{
	return ++*(unsigned *)arg >= TICKS;
}

/* How often the loop turns while a timer ticks. */
static unsigned count_turns(struct loop *loop)
{
	unsigned ticks = 0, before = ev_iteration(loop_ev(loop));

	ck_assert(run_until(loop, has_ticked, &ticks));
	return ev_iteration(loop_ev(loop)) - before;
}

/* Input that nobody wants stays in the socket until it is wanted, and the loop does not spin. */
START_TEST(input_that_comes_while_none_is_wanted_is_read_later)
{
	struct owner owner;

	start_open(&owner, false);
	run_for(owner.loop, 2);
	for (size_t i = 1; i <= 3; i++) {
		unsigned before = owner.n_events;

		stream_want(owner.stream, 0);
		ck_assert_int_eq(write(owner.other, "x", 1), 1);
		ck_assert_uint_le(count_turns(owner.loop), 3 * TICKS);
		ck_assert_uint_eq(owner.n_events, before);
		stream_want(owner.stream, SPORE_READ);
		while (owner.n_got < i)
			run_for(owner.loop, 1);
	}
	stop(&owner);
}
END_TEST

/* Whoever takes the socket finds it as it was accepted. */
START_TEST(an_unused_socket_is_taken)
{
	struct owner owner;
	int fd;

	start_open(&owner, true);
	fd = stream_take_unused(owner.stream);
	ck_assert_int_eq(fd, owner.fd);
	stream_close(owner.stream, true);
	run_for(owner.loop, 30);
	ck_assert_int_eq(write(owner.other, "xyz", 3), 3);
	ck_assert_int_eq(recv(fd, owner.got, sizeof owner.got, 0), 3);
	loop_free(owner.loop);
	close(owner.other);
	close(fd);
}
END_TEST

START_TEST(a_used_socket_is_not_taken)
{
	struct owner owner;

	start_open(&owner, false);
	ck_assert_int_eq(write(owner.other, "0123456789", 10), 10);
	ck_assert(run_until(owner.loop, has_ten_bytes, &owner));
	ck_assert_int_eq(stream_take_unused(owner.stream), -1);
	stop(&owner);
	start_open(&owner, false);
	owner.to_send = "x";
	owner.n_to_send = 1;
	stream_want(owner.stream, SPORE_WRITE);
	ck_assert(run_until(owner.loop, has_sent_all, &owner));
	ck_assert_int_eq(stream_take_unused(owner.stream), -1);
	stop(&owner);
}
END_TEST

SUITE("stream", a_lane_whose_end_pushes_bytes_ends_once, an_unused_socket_is_taken,
      a_used_socket_is_not_taken, bytes_that_are_given_back_are_read_again,
      bytes_that_were_given_back_are_not_in_the_socket,
      plain_bytes_may_wait_for_the_users_first_ones,
      plain_bytes_that_wait_leave_with_the_users_end_or_a_release,
      plain_bytes_that_wait_leave_with_a_read_of_all_that_comes,
      a_stream_has_one_user_after_another, a_user_that_has_not_ended_ends_the_stream,
      a_user_that_sends_much_keeps_the_stream, bytes_go_both_ways,
      reading_goes_on_behind_a_half_close, nothing_waits_for_a_stream_that_has_ended,
      a_reset_is_an_error_with_a_cause, a_reset_that_a_write_met_is_no_end,
      an_end_behind_which_a_write_fails_is_one, closing_is_orderly_or_a_reset,
      no_event_comes_that_is_not_wanted, a_stream_that_is_lent_reports_nothing,
      no_event_follows_a_close, a_full_socket_is_waited_for, a_dribbling_transport_loses_nothing,
      pending_bytes_need_no_readable_descriptor, a_direction_is_raw_once_nothing_is_pending,
      the_stack_has_a_most, handshakes_are_driven_to_the_end, a_handshakes_last_words_are_flushed,
      a_lower_handshakes_last_words_do_not_wait_for_the_upper_one, a_failed_handshake_is_told_later,
      an_opening_can_be_closed_at_once, the_owner_is_told_who_the_peer_is,
      the_owner_may_close_a_stream_for_its_peer, the_handshakes_ticket_is_dropped_once,
      pending_bytes_do_not_wait_for_a_quiet_loop,
      one_stream_with_pending_bytes_does_not_stop_the_loop, a_fault_ends_the_stream,
      a_fault_of_a_flush_is_told, a_fault_of_a_handshake_fails_the_opening,
      a_fault_below_names_the_lower_transport, what_a_transport_does_not_close_is_closed,
      a_flush_that_never_ends_is_ended, a_read_that_never_succeeds_is_ended,
      a_handshake_that_spins_is_ended, a_transport_that_wakes_itself_for_ever_is_ended,
      a_difficult_transport_is_not_ended, a_hang_up_repeats_the_call_that_waits,
      a_stream_moves_with_its_bytes, a_bare_stream_moves, a_busy_transport_keeps_all_where_they_are,
      a_stack_moves_only_as_a_whole, a_detached_stream_can_be_closed,
      a_stream_that_is_plain_both_ways_has_left_its_frames, one_direction_may_be_plain,
      input_that_comes_while_none_is_wanted_is_read_later)
