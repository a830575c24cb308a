#include "uring/uring.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/container.h"
#include "refuse.h"
#include "run_until.h"
#include "sockets.h"
#include "suite.h"
#include "uring.h"

enum { KEPT = 512 }; /* all buffers of a ring */

/* An operation, and what it has told. */
struct watched {
	struct uring_op op;
	struct uring *uring;
	unsigned n, n_kept;
	int last, total;
	char text[64];
	bool keeps; /* gives no buffer back */
	uint8_t *kept[KEPT];
};

struct scene {
	struct loop *loop;
	struct uring *uring;
	int fds[2];
};

static void on_result(struct uring_op *op, const struct uring_result *result)
{
	struct watched *watched = CONTAINER_OF(op, struct watched, op);

	watched->n++;
	watched->last = result->value;
	if (result->value > 0)
		watched->total += result->value;
	if (!result->bytes)
		return;
	if (watched->keeps && result->value > 0) {
		watched->kept[watched->n_kept++] = result->bytes;
		return;
	}
	strncat(watched->text, (char *)result->bytes,
	        (size_t)result->value < 32 ? (size_t)result->value : 32);
	uring_give(watched->uring, result->bytes);
}

static bool set_up(struct scene *scene)
{
	scene->loop = run_until_loop();
	scene->uring = uring_or_skip(scene->loop);
	if (scene->uring)
		sockets_tcp_pair(scene->fds);
	else
		loop_free(scene->loop);
	return scene->uring != NULL;
}

static void tear_down(struct scene *scene)
{
	uring_free(scene->uring);
	loop_free(scene->loop);
	close(scene->fds[0]);
	close(scene->fds[1]);
}

static struct watched watch(struct scene *scene)
{
	return (struct watched){ .op.on_result = on_result, .uring = scene->uring };
}

static bool is_done(void *arg)
{
	return !((struct watched *)arg)->op.pending;
}

static bool has_two(void *arg)
{
	return ((struct watched *)arg)->n >= 2;
}

static bool has_byte(void *arg)
{
	return ((struct watched *)arg)->total > 0;
}

START_TEST(one_receive_tells_each_message_and_the_end)
{
	struct scene scene;
	struct watched in;

	if (!set_up(&scene))
		return;
	in = watch(&scene);
	ck_assert(uring_receive(scene.uring, &in.op, scene.fds[0]));
	ck_assert(in.op.pending);
	ck_assert_int_eq(write(scene.fds[1], "one ", 4), 4);
	ck_assert(run_until(scene.loop, has_byte, &in));
	ck_assert_int_eq(write(scene.fds[1], "two", 3), 3);
	ck_assert(run_until(scene.loop, has_two, &in));
	ck_assert(in.op.pending);
	ck_assert_str_eq(in.text, "one two");
	shutdown(scene.fds[1], SHUT_WR);
	ck_assert(run_until(scene.loop, is_done, &in));
	ck_assert_int_eq(in.last, 0);
	tear_down(&scene);
}
END_TEST

START_TEST(a_reset_is_told)
{
	struct scene scene;
	struct watched in;

	if (!set_up(&scene))
		return;
	in = watch(&scene);
	ck_assert(uring_receive(scene.uring, &in.op, scene.fds[0]));
	run_for(scene.loop, 2);
	sockets_reset(scene.fds[1]);
	scene.fds[1] = dup(STDERR_FILENO);
	ck_assert(run_until(scene.loop, is_done, &in));
	ck_assert_int_eq(in.last, -ECONNRESET);
	tear_down(&scene);
}
END_TEST

START_TEST(a_send_takes_what_fits_and_does_not_wait)
{
	static char bytes[8 << 20];
	struct scene scene;
	struct watched out;

	if (!set_up(&scene))
		return;
	out = watch(&scene);
	ck_assert(uring_send(scene.uring, &out.op, scene.fds[0], bytes, sizeof bytes));
	ck_assert(run_until(scene.loop, is_done, &out));
	ck_assert_int_gt(out.last, 0);
	ck_assert_int_lt(out.last, (int)sizeof bytes);
	while (out.last > 0) {
		ck_assert(uring_send(scene.uring, &out.op, scene.fds[0], bytes, sizeof bytes));
		ck_assert(run_until(scene.loop, is_done, &out));
	}
	ck_assert_int_eq(out.last, -EAGAIN);
	tear_down(&scene);
}
END_TEST

START_TEST(a_cancelled_receive_takes_nothing_more)
{
	struct scene scene;
	struct watched in;
	char text[8] = "";

	if (!set_up(&scene))
		return;
	in = watch(&scene);
	ck_assert(uring_receive(scene.uring, &in.op, scene.fds[0]));
	run_for(scene.loop, 2);
	ck_assert(uring_cancel(scene.uring, &in.op));
	ck_assert(run_until(scene.loop, is_done, &in));
	ck_assert_int_eq(in.last, -ECANCELED);
	ck_assert_int_eq(write(scene.fds[1], "later", 5), 5);
	run_for(scene.loop, 5);
	ck_assert_uint_eq(in.n, 1);
	ck_assert_int_eq(read(scene.fds[0], text, sizeof text), 5);
	tear_down(&scene);
}
END_TEST

/* The kernel keeps no reference to the connection behind the cancellation, so a close closes it. */
START_TEST(a_close_behind_a_cancellation_ends_the_connection)
{
	struct scene scene;
	struct watched in;

	if (!set_up(&scene))
		return;
	in = watch(&scene);
	ck_assert(uring_receive(scene.uring, &in.op, scene.fds[0]));
	run_for(scene.loop, 2);
	ck_assert(uring_cancel(scene.uring, &in.op));
	uring_submit(scene.uring);
	close(scene.fds[0]);
	ck_assert_int_eq(read(scene.fds[1], &(char){ 0 }, 1), 0);
	while (in.op.pending)
		uring_wait(scene.uring);
	scene.fds[0] = dup(STDERR_FILENO);
	tear_down(&scene);
}
END_TEST

START_TEST(what_is_withdrawn_never_happens)
{
	struct scene scene;
	struct watched out, other;

	if (!set_up(&scene))
		return;
	out = watch(&scene);
	other = watch(&scene);
	ck_assert(uring_send(scene.uring, &out.op, scene.fds[0], "never", 5));
	ck_assert(uring_send(scene.uring, &other.op, scene.fds[0], "this", 4));
	uring_withdraw(scene.uring, &out.op);
	ck_assert(run_until(scene.loop, is_done, &out));
	ck_assert(run_until(scene.loop, is_done, &other));
	ck_assert_int_eq(out.last, 0);
	ck_assert_int_eq(other.last, 4);
	ck_assert_int_eq(read(scene.fds[1], out.text, sizeof out.text), 4);
	ck_assert_mem_eq(out.text, "this", 4);
	tear_down(&scene);
}
END_TEST

/* Without buffers a receive ends, and loses nothing. */
START_TEST(a_lack_of_buffers_ends_the_receive)
{
	static char bytes[(KEPT + 64) * URING_BUFFER];
	static struct watched in;
	struct scene scene;
	size_t put = 0;

	if (!set_up(&scene))
		return;
	in = watch(&scene);
	in.keeps = true;
	ck_assert(uring_receive(scene.uring, &in.op, scene.fds[0]));
	while (in.op.pending) {
		ssize_t n = put < sizeof bytes ? write(scene.fds[1], bytes, sizeof bytes - put) : 0;

		put += n > 0 ? (size_t)n : 0;
		run_for(scene.loop, 1);
	}
	ck_assert_int_eq(in.last, -ENOBUFS);
	ck_assert_uint_eq(in.n_kept, KEPT);
	for (unsigned i = 0; i < in.n_kept; i++)
		uring_give(scene.uring, in.kept[i]);
	in.keeps = false;
	ck_assert(uring_receive(scene.uring, &in.op, scene.fds[0]));
	while (put < sizeof bytes) {
		ssize_t n = write(scene.fds[1], bytes, sizeof bytes - put);

		put += n > 0 ? (size_t)n : 0;
		run_for(scene.loop, 1);
	}
	shutdown(scene.fds[1], SHUT_WR);
	ck_assert(run_until(scene.loop, is_done, &in));
	ck_assert_int_eq(in.last, 0);
	ck_assert_int_eq(in.total, (int)sizeof bytes);
	tear_down(&scene);
}
END_TEST

START_TEST(more_operations_than_the_queue_holds_are_submitted_early)
{
	enum { N = 1500 };
	static struct watched out[N];
	struct scene scene;

	if (!set_up(&scene))
		return;
	for (int i = 0; i < N; i++) {
		out[i] = watch(&scene);
		ck_assert(uring_send(scene.uring, &out[i].op, scene.fds[0], "x", 1));
	}
	ck_assert(uring_has_room(scene.uring, 2));
	for (int i = 0; i < N; i++) {
		ck_assert(run_until(scene.loop, is_done, &out[i]));
		ck_assert_int_eq(out[i].last, 1);
	}
	tear_down(&scene);
}
END_TEST

static void take_turns(struct scene *scene, unsigned ready)
{
	for (int i = 0; i < 200; i++) {
		for (unsigned j = 0; j < ready; j++)
			uring_note(scene->uring);
		ev_run(loop_ev(scene->loop), EVRUN_NOWAIT);
	}
}

START_TEST(it_pays_while_several_are_ready_in_a_turn)
{
	struct scene scene;

	if (!set_up(&scene))
		return;
	ck_assert(!uring_pays(scene.uring));
	take_turns(&scene, 4);
	ck_assert(uring_pays(scene.uring) && !uring_is_calm(scene.uring));
	take_turns(&scene, 0); /* nothing is known from these */
	ck_assert(uring_pays(scene.uring));
	take_turns(&scene, 2);
	ck_assert(!uring_pays(scene.uring) && !uring_is_calm(scene.uring));
	take_turns(&scene, 1);
	ck_assert(!uring_pays(scene.uring) && uring_is_calm(scene.uring));
	tear_down(&scene);
}
END_TEST

START_TEST(a_sandbox_may_forbid_it)
{
	static const unsigned calls[] = { SYS_io_uring_setup };
	struct loop *loop = run_until_loop();

	ck_assert(refuse_calls(calls, 1, EPERM));
	ck_assert_ptr_null(uring_new(loop));
	ck_assert(errno == EPERM || errno == ENOSYS); /* ENOSYS: built without it */
	loop_free(loop);
}
END_TEST

SUITE("uring", one_receive_tells_each_message_and_the_end, a_reset_is_told,
      a_send_takes_what_fits_and_does_not_wait, a_cancelled_receive_takes_nothing_more,
      a_close_behind_a_cancellation_ends_the_connection, what_is_withdrawn_never_happens,
      a_lack_of_buffers_ends_the_receive, more_operations_than_the_queue_holds_are_submitted_early,
      it_pays_while_several_are_ready_in_a_turn, a_sandbox_may_forbid_it)
