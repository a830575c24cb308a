#include "relay/courier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "net/stream.h"
#include "refuse.h"
#include "relay/relay.h"
#include "run_until.h"
#include "sockets.h"
#include "suite.h"
#include "uring.h"

/* A relay between two TCP connections, whose far ends the test holds. */
struct scene {
	struct loop *loop;
	struct relay_set set;
	int far[2];
	uint64_t bytes[2];
	unsigned n_ends;
	enum relay_cause cause;
};

static void on_end(const struct relay_end *end, void *arg)
{
	struct scene *scene = arg;

	scene->n_ends++;
	scene->cause = end->cause;
	memcpy(scene->bytes, end->bytes, sizeof scene->bytes);
}

static bool is_over(void *arg)
{
	return ((struct scene *)arg)->n_ends > 0;
}

static void start(struct scene *scene)
{
	struct stream *sides[2];
	struct buf none[2] = { { 0 } };

	for (int i = 0; i < 2; i++) {
		spore_addr peer = { 0 };
		int fds[2];

		sockets_tcp_pair(fds);
		scene->far[i] = fds[1];
		sides[i] = stream_new(scene->loop, fds[0], &peer, NULL);
		ck_assert(sides[i] && stream_open(sides[i]));
	}
	relay_start(&scene->set,
	            &(struct relay_plan){ .left = sides[0],
	                                  .right = sides[1],
	                                  .for_left = &none[0],
	                                  .for_right = &none[1] },
	            on_end, scene);
}

/* False: there is no io_uring. */
static bool set_up(struct scene *scene)
{
	*scene = (struct scene){ .loop = run_until_loop() };
	uring_free(uring_or_skip(scene->loop));
	relay_set_init(&scene->set, scene->loop,
	               &(struct relay_limits){ .most_pipes = 4, .uses_uring = true });
	scene->set.sweep.repeat = 0.05;
	ev_timer_again(loop_ev(scene->loop), &scene->set.sweep);
	if (!scene->set.uring) {
		relay_set_fini(&scene->set);
		loop_free(scene->loop);
		return false;
	}
	start(scene);
	return true;
}

static void close_far(struct scene *scene)
{
	loop_free(scene->loop);
	ck_assert_uint_eq(scene->set.count, 0);
	ck_assert_uint_eq(scene->set.n_couriers, 0);
	ck_assert_uint_eq(scene->n_ends, 1);
	for (int i = 0; i < 2; i++)
		close(scene->far[i]);
}

static void tear_down(struct scene *scene)
{
	relay_set_fini(&scene->set);
	close_far(scene);
}

/* As if many connections were ready in each turn. */
static void be_busy(struct scene *scene)
{
	for (int i = 0; i < 1000; i++)
		uring_note(scene->set.uring);
}

/* Reads what has come to the far end: bytes, 0 for the end, or -errno. */
static ssize_t take(struct scene *scene, int side, void *out, size_t size)
{
	for (int64_t until = clock_ms() + 10000; clock_ms() < until;) {
		ssize_t n = read(scene->far[side], out, size);

		if (n >= 0 || errno != EAGAIN)
			return n < 0 ? -errno : n;
		ev_run(loop_ev(scene->loop), EVRUN_NOWAIT);
	}
	return -ETIMEDOUT;
}

static void check_end(struct scene *scene, int side, ssize_t expected)
{
	ck_assert_int_eq(take(scene, side, &(char){ 0 }, 1), expected);
}

static void pass(struct scene *scene, int side, const char *bytes, size_t len)
{
	char got[8192];

	ck_assert_int_eq(write(scene->far[side], bytes, len), (ssize_t)len);
	for (size_t n = 0; n < len;) {
		ssize_t more = take(scene, !side, got, sizeof got);

		ck_assert_int_gt(more, 0);
		ck_assert_uint_le(n + (size_t)more, len);
		ck_assert_mem_eq(got, bytes + n, (size_t)more);
		n += (size_t)more;
	}
}

static void exchange(struct scene *scene, int n)
{
	for (int i = 0; i < n; i++) {
		pass(scene, 0, "question", 8);
		pass(scene, 1, "answer", 6);
	}
}

/* Exchanges until there is a courier. */
static void get_courier(struct scene *scene)
{
	be_busy(scene);
	exchange(scene, 12);
	ck_assert_uint_eq(scene->set.n_couriers, 1);
}

static bool has_no_courier(void *arg)
{
	return ((struct scene *)arg)->set.n_couriers == 0;
}

START_TEST(small_messages_are_carried_and_counted)
{
	struct scene scene;

	if (!set_up(&scene))
		return;
	get_courier(&scene);
	be_busy(&scene);
	exchange(&scene, 50);
	ck_assert_uint_eq(scene.set.n_couriers, 1);
	tear_down(&scene);
	ck_assert_uint_eq(scene.bytes[0], 62 * 8);
	ck_assert_uint_eq(scene.bytes[1], 62 * 6);
}
END_TEST

/* The second one comes while the first is being sent. */
START_TEST(messages_of_one_turn_arrive)
{
	struct scene scene;

	if (!set_up(&scene))
		return;
	get_courier(&scene);
	be_busy(&scene);
	for (int i = 0; i < 20; i++) {
		char got[8] = "";
		ssize_t n = 0;

		ck_assert_int_eq(write(scene.far[0], "one ", 4), 4);
		ck_assert_int_eq(write(scene.far[0], "two", 3), 3);
		while (n < 7) {
			ssize_t more = take(&scene, 1, got + n, sizeof got - (size_t)n);

			ck_assert_int_gt(more, 0);
			n += more;
		}
		ck_assert_str_eq(got, "one two");
	}
	ck_assert_uint_eq(scene.set.n_couriers, 1);
	tear_down(&scene);
}
END_TEST

START_TEST(one_connection_alone_has_no_courier)
{
	struct scene scene;

	if (!set_up(&scene))
		return;
	exchange(&scene, 100);
	ck_assert_uint_eq(scene.set.n_couriers, 0);
	get_courier(&scene);
	exchange(&scene, 400);
	ck_assert_uint_eq(scene.set.n_couriers, 0);
	exchange(&scene, 3);
	tear_down(&scene);
}
END_TEST

START_TEST(where_little_may_wait_there_is_no_courier)
{
	struct scene scene;

	if (!set_up(&scene))
		return;
	scene.set.most_held = 8192;
	be_busy(&scene);
	exchange(&scene, 50);
	ck_assert_uint_eq(scene.set.n_couriers, 0);
	tear_down(&scene);
}
END_TEST

START_TEST(without_io_uring_all_goes_on_by_epoll)
{
	static const unsigned calls[] = { SYS_io_uring_setup };
	struct scene scene = { .loop = run_until_loop() };

	ck_assert(refuse_calls(calls, 1, EPERM));
	relay_set_init(&scene.set, scene.loop,
	               &(struct relay_limits){ .most_pipes = 4, .uses_uring = true });
	ck_assert_ptr_null(scene.set.uring);
	start(&scene);
	exchange(&scene, 50);
	tear_down(&scene);
}
END_TEST

START_TEST(each_direction_ends_on_its_own)
{
	for (int side = 0; side < 2; side++) {
		struct scene scene;

		if (!set_up(&scene))
			return;
		get_courier(&scene);
		ck_assert_int_eq(write(scene.far[side], "last", 4), 4);
		shutdown(scene.far[side], SHUT_WR);
		ck_assert_int_eq(take(&scene, !side, &(char[8]){ 0 }, 8), 4);
		check_end(&scene, !side, 0);
		pass(&scene, !side, "answer one", 10);
		pass(&scene, !side, "answer two", 10);
		shutdown(scene.far[!side], SHUT_WR);
		check_end(&scene, side, 0);
		ck_assert(run_until(scene.loop, is_over, &scene));
		ck_assert_int_eq(scene.cause, RELAY_FINISHED);
		tear_down(&scene);
	}
}
END_TEST

START_TEST(a_reset_is_passed_on)
{
	for (int side = 0; side < 2; side++) {
		struct scene scene;

		if (!set_up(&scene))
			return;
		get_courier(&scene);
		sockets_reset(scene.far[side]);
		scene.far[side] = dup(STDERR_FILENO);
		check_end(&scene, !side, -ECONNRESET);
		ck_assert(run_until(scene.loop, is_over, &scene));
		ck_assert_int_eq(scene.cause, side ? RELAY_RIGHT_BROKEN : RELAY_LEFT_BROKEN);
		tear_down(&scene);
	}
}
END_TEST

static bool is_any(const void *relay_arg, void *arg)
{
	(void)relay_arg;
	(void)arg;
	return true;
}

/* Bytes are under way in every state of the courier. */
START_TEST(a_relay_can_be_reset_at_any_time)
{
	for (int turns = 0; turns < 5; turns++) {
		struct scene scene;

		if (!set_up(&scene))
			return;
		get_courier(&scene);
		ck_assert_int_eq(write(scene.far[0], "under way", 9), 9);
		for (int i = 0; i < turns; i++)
			ev_run(loop_ev(scene.loop), EVRUN_NOWAIT);
		relay_reset_matching(&scene.set, is_any, NULL);
		ck_assert(run_until(scene.loop, is_over, &scene));
		ck_assert_int_eq(scene.cause, RELAY_KICKED);
		check_end(&scene, 0, -ECONNRESET);
		tear_down(&scene);
	}
}
END_TEST

/* What the courier had received is not lost without a sign. */
START_TEST(the_end_of_the_set_cuts_nothing_in_silence)
{
	struct scene scene;

	if (!set_up(&scene))
		return;
	get_courier(&scene);
	ck_assert_int_eq(write(scene.far[0], "under way", 9), 9);
	relay_set_fini(&scene.set);
	ck_assert_int_eq(scene.n_ends, 0); /* at the end of the turn */
	ev_run(loop_ev(scene.loop), EVRUN_NOWAIT);
	ck_assert_int_eq(scene.cause, RELAY_CUT_OFF);
	check_end(&scene, 0, -ECONNRESET);
	close_far(&scene);
}
END_TEST

START_TEST(the_end_of_the_set_is_orderly_for_a_quiet_relay)
{
	struct scene scene;

	if (!set_up(&scene))
		return;
	get_courier(&scene);
	run_for(scene.loop, 700);
	ck_assert_uint_eq(scene.set.n_couriers, 1);
	relay_set_fini(&scene.set);
	ev_run(loop_ev(scene.loop), EVRUN_NOWAIT);
	ck_assert_int_eq(scene.cause, RELAY_STOPPED);
	check_end(&scene, 0, 0);
	check_end(&scene, 1, 0);
	close_far(&scene);
}
END_TEST

/* ---- much, and slowly ---- */

/* One direction of a load: its n-th byte is known. */
struct load {
	size_t total, sent, got, wrong;
	bool ended;
	unsigned seed;
};

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static unsigned pick(unsigned *seed, unsigned most)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 8) % most;
}

/* Mostly small pieces, sometimes great ones. */
static void send_some(struct scene *scene, int side, struct load *load)
{
	static uint8_t bytes[100000];
	size_t len = pick(&load->seed, 40) ? pick(&load->seed, 400) + 1 : sizeof bytes;
	ssize_t n;

	if (load->sent == load->total)
		return;
	if (len > load->total - load->sent)
		len = load->total - load->sent;
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(load->sent + i);
	n = write(scene->far[side], bytes, len);
	load->sent += n > 0 ? (size_t)n : 0;
	if (load->sent == load->total)
		shutdown(scene->far[side], SHUT_WR);
}

static void take_some(struct scene *scene, int side, struct load *load)
{
	static uint8_t bytes[100000];
	size_t size = pick(&load->seed, 20) ? pick(&load->seed, 500) + 1 : sizeof bytes;
	ssize_t n = read(scene->far[side], bytes, size);

	for (ssize_t i = 0; i < n; i++)
		load->wrong += bytes[i] != byte_at(load->got + (size_t)i);
	load->got += n > 0 ? (size_t)n : 0;
	load->ended = load->ended || n == 0;
	ck_assert(n >= 0 || errno == EAGAIN);
}

static void check_life(const unsigned first, unsigned *n_seen)
{
	struct scene scene;
	struct load loads[2];
	int64_t until = clock_ms() + 20000;
	unsigned seed = first;

	if (!set_up(&scene))
		return;
	for (int i = 0; i < 2; i++)
		loads[i] = (struct load){ .seed = seed * 2 + (unsigned)i,
			                  .total = 1 + pick(&seed, 200000) };
	get_courier(&scene);
	while (!loads[0].ended || !loads[1].ended) {
		if (clock_ms() > until)
			ck_abort_msg("seed %u: %zu and %zu bytes came", first, loads[0].got,
			             loads[1].got);
		be_busy(&scene);
		for (int i = 0; i < 2; i++) {
			if (pick(&seed, 2))
				send_some(&scene, i, &loads[i]);
			if (pick(&seed, 3))
				take_some(&scene, !i, &loads[i]);
		}
		if (pick(&seed, 3))
			ev_run(loop_ev(scene.loop), EVRUN_NOWAIT);
		*n_seen += scene.set.n_couriers;
	}
	ck_assert(run_until(scene.loop, is_over, &scene));
	ck_assert_int_eq(scene.cause, RELAY_FINISHED);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(loads[i].got, loads[i].total);
		ck_assert_uint_eq(loads[i].wrong, 0);
		ck_assert_uint_eq(scene.bytes[i], loads[i].total + 12u * (i ? 6 : 8));
	}
	tear_down(&scene);
}

START_TEST(random_lives_lose_nothing)
{
	unsigned n_seen = 0;

	for (unsigned seed = 1; seed <= 40; seed++)
		check_life(seed, &n_seen);
	if (getenv("CI"))
		ck_assert_uint_gt(n_seen, 0);
}
END_TEST

/* Such as bulk to one who keeps up. */
START_TEST(long_messages_are_left_to_the_flows)
{
	static char bytes[3 * URING_BUFFER];
	struct scene scene;

	if (!set_up(&scene))
		return;
	get_courier(&scene);
	be_busy(&scene);
	pass(&scene, 0, bytes, sizeof bytes);
	ck_assert(run_until_within(scene.loop, 1000, has_no_courier, &scene));
	tear_down(&scene);
}
END_TEST

START_TEST(bulk_is_left_to_the_flows)
{
	static char bytes[1 << 20];
	struct scene scene;

	if (!set_up(&scene))
		return;
	get_courier(&scene);
	for (int i = 0; i < 4; i++) {
		ssize_t n = write(scene.far[0], bytes, sizeof bytes);

		for (ssize_t got = 0; n > 0 && got < n;) {
			ssize_t more = take(&scene, 1, bytes, sizeof bytes);

			ck_assert_int_gt(more, 0);
			got += more;
		}
	}
	ck_assert_uint_eq(scene.set.n_couriers, 0);
	/* The next one comes later. */
	be_busy(&scene);
	exchange(&scene, 12);
	ck_assert_uint_eq(scene.set.n_couriers, 0);
	be_busy(&scene);
	exchange(&scene, 12);
	ck_assert_uint_eq(scene.set.n_couriers, 1);
	tear_down(&scene);
}
END_TEST

/* Messages fill the connection of one who does not read, several in a turn. What waits here is
 * bounded, and the bytes keep their order. */
START_TEST(a_slow_reader_gets_all_in_order)
{
	static uint8_t bytes[1500];

	for (int round = 0; round < 8; round++) {
		struct scene scene;
		struct load load = { .seed = (unsigned)round };
		size_t put = 0;
		int refused = 0;

		if (!set_up(&scene))
			return;
		get_courier(&scene);
		for (int i = 0; refused < 200; i++) {
			ssize_t n;

			for (size_t j = 0; j < sizeof bytes; j++)
				bytes[j] = byte_at(put + j);
			n = write(scene.far[0], bytes, sizeof bytes - 7 * (size_t)round);
			put += n > 0 ? (size_t)n : 0;
			refused = n > 0 ? 0 : refused + 1;
			if (n < 0 || i % 2)
				ev_run(loop_ev(scene.loop), EVRUN_NOWAIT);
		}
		ck_assert(run_until(scene.loop, has_no_courier, &scene));
		for (int64_t until = clock_ms() + 10000; load.got < put && clock_ms() < until;) {
			take_some(&scene, 1, &load);
			ev_run(loop_ev(scene.loop), EVRUN_NOWAIT);
		}
		ck_assert_uint_eq(load.got, put);
		ck_assert_uint_eq(load.wrong, 0);
		exchange(&scene, 3);
		tear_down(&scene);
		ck_assert_uint_eq(scene.bytes[0], put + 15 * 8);
	}
}
END_TEST

SUITE("courier", where_little_may_wait_there_is_no_courier, long_messages_are_left_to_the_flows,
      messages_of_one_turn_arrive, small_messages_are_carried_and_counted,
      one_connection_alone_has_no_courier, without_io_uring_all_goes_on_by_epoll,
      each_direction_ends_on_its_own, a_reset_is_passed_on, a_relay_can_be_reset_at_any_time,
      the_end_of_the_set_cuts_nothing_in_silence, the_end_of_the_set_is_orderly_for_a_quiet_relay,
      random_lives_lose_nothing, bulk_is_left_to_the_flows, a_slow_reader_gets_all_in_order)
