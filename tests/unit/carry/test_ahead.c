#include "carry/ahead.h"

#include "base/buf.h"
#include "base/container.h"
#include "net/stream.h"
#include "scene/client_scene.h"
#include "suite.h"

#define PASS "{\"Ahead\":\"" CLIENT_SCENE_UUID "\"}"

struct scene {
	struct client_scene base;
	struct ahead_pool pool;
	struct uuid pass;
	unsigned keep, idle; /* what is asked for, and waited for */
	struct ahead *taken;
	unsigned n_answers;
	char received[64]; /* behind the answer; "(lost)" without a stream */
	unsigned n_opens;
	char opened[64]; /* the address and what came behind, of the last Open */
};

static void run_init(void *arg)
{
	struct scene *scene = arg;

	ahead_pool_init(&scene->pool);
}

static void run_keep(void *arg)
{
	struct scene *scene = arg;

	ahead_pool_keep(&scene->pool,
	                &(struct ahead_grant){ .n = scene->keep, .pass = scene->pass });
}

static bool has_idle(void *arg)
{
	const struct scene *scene = arg;

	return atomic_load(&scene->pool.n_idle) == scene->idle;
}

static bool has_answer(void *arg)
{
	return ((struct scene *)arg)->n_answers > 0;
}

static void on_answer(struct stream *stream, struct buf *received, void *arg)
{
	struct scene *scene = arg;

	scene->n_answers++;
	scene->taken = NULL;
	snprintf(scene->received, sizeof scene->received, "(lost)");
	if (!stream)
		return;
	snprintf(scene->received, sizeof scene->received, "%.*s", (int)received->len,
	         (const char *)buf_bytes(received));
	buf_fini(received);
	stream_close(stream, false);
}

static void on_open(struct ahead_pool *pool, const struct message *open, struct stream *stream,
                    struct buf *received, struct buf *unsent)
{
	struct scene *scene = CONTAINER_OF(pool, struct scene, pool);

	ck_assert_int_eq(open->type, MESSAGE_OPEN);
	ck_assert(uuid_equal(&open->id, &scene->pass));
	ck_assert_uint_eq(scene->n_answers, 0); /* it is told first */
	scene->n_opens++;
	snprintf(scene->opened, sizeof scene->opened, "%.32s %.*s", open->text, (int)received->len,
	         received->len ? (const char *)buf_bytes(received) : "");
	buf_fini(received);
	buf_fini(unsent);
	stream_close(stream, false);
	ahead_pool_lose(pool);
}

static void run_take(void *arg)
{
	struct scene *scene = arg;

	struct message accept = ahead_accept(&scene->pool, &scene->pass, false);

	scene->taken = ahead_take(&scene->pool, &accept, on_answer, scene);
}

static void run_drop(void *arg)
{
	ahead_drop(((struct scene *)arg)->taken);
	ahead_drop(NULL);
}

static void keep(struct scene *scene, unsigned n)
{
	scene->keep = n;
	client_scene_call(&scene->base, run_keep, scene);
}

static void wait_idle(struct scene *scene, unsigned n)
{
	scene->idle = n;
	ck_assert(client_scene_wait(&scene->base, has_idle, scene));
	ck_assert(client_scene_count(&scene->base, "spore_connections_ahead", NULL) == n);
}

static void open_scene(struct scene *scene)
{
	*scene = (struct scene){ 0 };
	client_scene_open(&scene->base, &(struct client_scene_options){ 0 });
	ck_assert(uuid_parse(CLIENT_SCENE_UUID, strlen(CLIENT_SCENE_UUID), &scene->pass));
	scene->pool.worker = &scene->base.workers[0];
	scene->pool.tunnel = scene->base.config->settings.tunnels.items;
	scene->pool.on_open = on_open;
	client_scene_call(&scene->base, run_init, scene);
}

static void close_scene(struct scene *scene)
{
	keep(scene, 0);
	ck_assert_uint_eq(client_scene_unsigned(&scene->base, &scene->pool.n), 0);
	wait_idle(scene, 0);
	client_scene_close(&scene->base);
}

static int accept_ahead(struct scene *scene)
{
	int wire = client_scene_accept(scene->base.server);

	client_scene_expect(wire, PASS);
	return wire;
}

START_TEST(as_many_are_kept_as_asked_for)
{
	struct scene scene;
	int wires[3];

	open_scene(&scene);
	keep(&scene, 3);
	for (int i = 0; i < 3; i++)
		wires[i] = accept_ahead(&scene);
	wait_idle(&scene, 3);
	keep(&scene, 1);
	wait_idle(&scene, 1);
	for (int i = 0; i < 2; i++)
		client_scene_expect_end(wires[i]); /* the oldest ones */
	ck_assert(client_scene_is_left_alone(scene.base.server, 20));
	for (int i = 0; i < 3; i++)
		close(wires[i]);
	close_scene(&scene);
}
END_TEST

START_TEST(visitor_is_accepted_on_the_one_used_last)
{
	struct scene scene;
	int wires[3];

	open_scene(&scene);
	client_scene_call(&scene.base, run_take, &scene);
	ck_assert_ptr_null(scene.taken);
	keep(&scene, 2);
	for (int i = 0; i < 2; i++)
		wires[i] = accept_ahead(&scene);
	wait_idle(&scene, 2);
	client_scene_call(&scene.base, run_take, &scene);
	ck_assert_ptr_nonnull(scene.taken);
	client_scene_expect(wires[1], "{\"Accept\":\"" CLIENT_SCENE_UUID "\"}");
	wires[2] = accept_ahead(&scene); /* it is replaced at once */
	wait_idle(&scene, 2);
	ck_assert_int_eq(send(wires[1], "\"Accepted\"\0bytes", 16, 0), 16);
	ck_assert(client_scene_wait(&scene.base, has_answer, &scene));
	ck_assert_str_eq(scene.received, "bytes");
	ck_assert_uint_eq(scene.n_answers, 1);
	client_scene_expect_end(wires[1]); /* the callee has closed it */
	for (int i = 0; i < 3; i++)
		close(wires[i]);
	close_scene(&scene);
}
END_TEST

/* Until the server has answered, the visitor is told of the loss and can be dialled for. */
START_TEST(loss_before_the_answer_is_told)
{
	static const char *const endings[] = { NULL, "{\"Error\":\"no place\"}", "\"Heartbeat\"",
		                               "nonsense" };
	struct scene scene;

	open_scene(&scene);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		int wires[2];

		scene.n_answers = 0;
		keep(&scene, 1);
		wires[0] = accept_ahead(&scene);
		wait_idle(&scene, 1);
		client_scene_call(&scene.base, run_take, &scene);
		wires[1] = accept_ahead(&scene); /* in its place */
		wait_idle(&scene, 1);
		client_scene_expect_start(wires[0], "{\"Accept\":");
		if (endings[i])
			client_scene_send(wires[0], endings[i]);
		else
			shutdown(wires[0], SHUT_WR);
		ck_assert(client_scene_wait(&scene.base, has_answer, &scene));
		ck_assert_str_eq(scene.received, "(lost)");
		ck_assert_uint_eq(scene.n_answers, 1);
		keep(&scene, 0);
		wait_idle(&scene, 0);
		for (int w = 0; w < 2; w++)
			close(wires[w]);
	}
	close_scene(&scene);
}
END_TEST

START_TEST(dropped_one_tells_nobody)
{
	struct scene scene;
	int wire;

	open_scene(&scene);
	keep(&scene, 1);
	wire = accept_ahead(&scene);
	wait_idle(&scene, 1);
	client_scene_call(&scene.base, run_take, &scene);
	client_scene_call(&scene.base, run_drop, &scene);
	client_scene_expect_start(wire, "{\"Accept\":");
	client_scene_expect_end(wire);
	close(wire);
	client_scene_settle(&scene.base);
	ck_assert_uint_eq(scene.n_answers, 0);
	close_scene(&scene);
}
END_TEST

static void run_age(void *arg)
{
	struct scene *scene = arg;

	ck_assert(ev_is_active(&scene->pool.pause));
	ev_timer_stop(loop_ev(scene->base.runtime.loops[0]), &scene->pool.pause);
	ev_feed_event(loop_ev(scene->base.runtime.loops[0]), &scene->pool.pause, EV_TIMER);
}

/* A loss is followed by a pause, which doubles while nothing is of use. */
START_TEST(lost_one_is_replaced_after_a_pause)
{
	struct scene scene;
	int wire;

	open_scene(&scene);
	keep(&scene, 1);
	for (unsigned losses = 0; losses < 12; losses++) {
		wire = accept_ahead(&scene);
		wait_idle(&scene, 1);
		ck_assert_uint_eq(client_scene_unsigned(&scene.base, &scene.pool.failures),
		                  losses < 8 ? losses : 8);
		close(wire);
		wait_idle(&scene, 0);
		ck_assert_uint_eq(client_scene_unsigned(&scene.base, &scene.pool.n), 0);
		client_scene_call(&scene.base, run_age, &scene);
	}
	wire = accept_ahead(&scene);
	wait_idle(&scene, 1);
	client_scene_call(&scene.base, run_take, &scene);
	client_scene_expect_start(wire, "{\"Accept\":");
	client_scene_send(wire, "\"Accepted\"");
	ck_assert(client_scene_wait(&scene.base, has_answer, &scene));
	ck_assert_uint_eq(client_scene_unsigned(&scene.base, &scene.pool.failures), 0);
	close(wire);
	close_scene(&scene);
}
END_TEST

#define OPEN                                                                                       \
	"{\"Open\":{\"id\":\"" CLIENT_SCENE_UUID "\",\"from\":\"192.0.2.9:5\"}}\0"                 \
	"\1\0\0\5first"

static bool has_open(void *arg)
{
	return ((struct scene *)arg)->n_opens > 0;
}

/* The stream is the visitor's, with what came behind. */
START_TEST(a_visitor_may_be_handed_over_on_an_idle_one)
{
	struct scene scene;
	int wire, next;

	open_scene(&scene);
	keep(&scene, 1);
	wire = accept_ahead(&scene);
	wait_idle(&scene, 1);
	ck_assert_int_eq(send(wire, OPEN, sizeof OPEN - 1, 0), sizeof OPEN - 1);
	ck_assert(client_scene_wait(&scene.base, has_open, &scene));
	ck_assert_str_eq(scene.opened, "192.0.2.9:5 \1");
	client_scene_expect_end(wire); /* the callee has closed it, and nobody has spoken */
	next = accept_ahead(&scene);   /* in its place, and at once */
	wait_idle(&scene, 1);
	ck_assert_uint_eq(client_scene_unsigned(&scene.base, &scene.pool.n), 1);
	ck_assert_uint_eq(client_scene_unsigned(&scene.base, &scene.pool.failures), 0);
	ck_assert_uint_eq(scene.n_answers, 0);
	close(wire);
	close(next);
	close_scene(&scene);
}
END_TEST

/* The server does not answer Accept then, so its visitor is asked for elsewhere. */
START_TEST(a_handover_may_cross_a_request)
{
	struct scene scene;
	int wires[2];

	open_scene(&scene);
	keep(&scene, 1);
	wires[0] = accept_ahead(&scene);
	wait_idle(&scene, 1);
	client_scene_call(&scene.base, run_take, &scene);
	ck_assert_int_eq(send(wires[0], OPEN, sizeof OPEN - 1, 0), sizeof OPEN - 1);
	ck_assert(client_scene_wait(&scene.base, has_answer, &scene));
	ck_assert_uint_eq(scene.n_opens, 1);
	ck_assert_str_eq(scene.received, "(lost)");
	ck_assert_uint_eq(scene.n_answers, 1);
	client_scene_expect(wires[0], "{\"Accept\":\"" CLIENT_SCENE_UUID "\"}");
	client_scene_expect_end(wires[0]);
	wires[1] = accept_ahead(&scene); /* in its place, and at once */
	ck_assert_uint_eq(client_scene_unsigned(&scene.base, &scene.pool.failures), 0);
	for (int i = 0; i < 2; i++)
		close(wires[i]);
	close_scene(&scene);
}
END_TEST

SUITE("ahead", as_many_are_kept_as_asked_for, visitor_is_accepted_on_the_one_used_last,
      loss_before_the_answer_is_told, dropped_one_tells_nobody, lost_one_is_replaced_after_a_pause,
      a_visitor_may_be_handed_over_on_an_idle_one, a_handover_may_cross_a_request)
