#include "client/roll.h"

#include "client/client_tunnel.h"
#include "scene/client_scene.h"
#include "suite.h"

struct scene {
	struct client_scene base;
	struct client_tunnel *tunnel;
	struct roll *roll;
};

static struct scene scene;

static void on_news(struct session *session)
{
	(void)session;
}

static void on_over(struct session *session, enum client_exit status)
{
	(void)session;
	(void)status;
}

static void run_join(void *worker)
{
	client_tunnel_join(scene.tunnel, worker);
}

static void run_start(void *unused)
{
	(void)unused;
	session_start(&scene.tunnel->sessions[0]);
}

static void run_leave(void *worker)
{
	client_tunnel_leave(scene.tunnel, worker);
}

static void run_roll(void *worker)
{
	scene.roll = roll_make(worker);
}

/* On both workers, the second one first. */
static void on_workers(void (*fn)(void *worker))
{
	for (int i = 1; i >= 0; i--)
		loop_call(scene.base.workers[i].loop, fn, &scene.base.workers[i]);
}

static void open_scene(void)
{
	scene = (struct scene){ .tunnel = NULL };
	client_scene_open(&scene.base, &(struct client_scene_options){ .n_workers = 2 });
	scene.tunnel = client_tunnel_new(&(struct client_tunnel_spec){
		.workers = scene.base.workers,
		.n_workers = 2,
		.config = scene.base.config,
		.settings = scene.base.config->settings.tunnels.items,
		.on_news = on_news,
		.on_over = on_over,
	});
	ck_assert_ptr_nonnull(scene.tunnel);
	on_workers(run_join);
}

static void close_scene(void)
{
	on_workers(run_leave);
	client_scene_settle(&scene.base);
	client_scene_close(&scene.base);
}

static const struct roll_row *look(unsigned worker)
{
	free(scene.roll);
	loop_call(scene.base.workers[worker].loop, run_roll, &scene.base.workers[worker]);
	ck_assert_ptr_nonnull(scene.roll);
	ck_assert_uint_eq(scene.roll->n, 1);
	return &scene.roll->rows[0];
}

START_TEST(it_tells_where_a_tunnel_stands)
{
	int64_t deadline_ms = clock_ms() + CLIENT_SCENE_MS;
	const struct roll_row *row;
	int control;

	open_scene();
	row = look(0);
	ck_assert_str_eq(row->state, "idle");
	ck_assert_str_eq(row->name, "t");
	ck_assert_str_eq(row->server, "");
	client_scene_call(&scene.base, run_start, NULL);
	control = client_scene_accept(scene.base.server);
	client_scene_expect(control, "{\"Hello\":0}");
	ck_assert_str_eq(look(0)->state, "connecting");
	client_scene_send(control, "{\"Hello\":1234}");
	while (strcmp(look(0)->state, "open") != 0)
		ck_assert(clock_ms() < deadline_ms);
	row = look(0);
	ck_assert_str_eq(row->public_at, "127.0.0.1:1234");
	ck_assert_uint_eq(row->port, 1234);
	ck_assert_ptr_nonnull(strstr(row->server, "127.0.0.1:"));
	close(control);
	while (!look(0)->lost_why[0])
		ck_assert(clock_ms() < deadline_ms);
	ck_assert_int_ge(look(0)->lost_age_ms, 0);
	free(scene.roll);
	close_scene();
}
END_TEST

START_TEST(other_workers_tell_their_visitors_alone)
{
	open_scene();
	scene.tunnel->pools[1].tally = (struct ahead_tally){ 3, 1, 10, 20 };
	ck_assert_ptr_null(look(1)->state);
	ck_assert_ptr_eq(look(1)->tunnel, &scene.tunnel->users);
	ck_assert_uint_eq(look(1)->tally.visitors, 3);
	ck_assert_uint_eq(look(1)->tally.down, 20);
	ck_assert_uint_eq(look(0)->tally.visitors, 0);
	free(scene.roll);
	close_scene();
}
END_TEST

SUITE("roll", it_tells_where_a_tunnel_stands, other_workers_tell_their_visitors_alone)
