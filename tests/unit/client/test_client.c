#include "client/client.h"

#include "host/readiness.h"
#include "loop/survey.h"
#include "run_until.h"
#include "scene/client_scene.h"
#include "suite.h"

struct scene {
	struct client_scene base;
	struct client *client;
	int control;
	unsigned n_exits, n_news;
	char said[CLIENT_STATUS_SIZE]; /* at the last news */
	enum client_exit status;
	bool is_drained;
};

static void on_exit_status(enum client_exit status, bool carries, void *arg)
{
	struct scene *scene = arg;

	ck_assert_ptr_eq(loop_current(), scene->base.runtime.main_loop);
	ck_assert(!carries);
	scene->n_exits++;
	scene->status = status;
}

static void on_news(const char *status, void *arg)
{
	struct scene *scene = arg;

	ck_assert_ptr_eq(loop_current(), scene->base.runtime.main_loop);
	scene->n_news++;
	snprintf(scene->said, sizeof scene->said, "%s", status);
}

static void on_drained(void *arg)
{
	struct scene *scene = arg;

	ck_assert_ptr_eq(loop_current(), scene->base.runtime.main_loop);
	scene->is_drained = true;
}

static void open_scene(struct scene *scene, const struct client_scene_options *options)
{
	struct client_env env = { .on_news = on_news, .on_exit = on_exit_status, .arg = scene };
	const struct runtime *runtime = &scene->base.runtime;

	*scene = (struct scene){ 0 };
	client_scene_start(&scene->base, options);
	env.set = runtime->plugins.set;
	env.metrics = runtime->metrics;
	env.resolver = runtime->resolver;
	env.main_loop = runtime->main_loop;
	env.loops = runtime->loops;
	env.n_workers = runtime->n_workers;
	scene->client = client_start(&env);
	ck_assert_ptr_nonnull(scene->client);
	scene->control = client_scene_accept(scene->base.server);
	client_scene_expect(scene->control, "{\"Hello\":0}");
}

static void close_scene(struct scene *scene)
{
	client_stop(scene->client);
	client_scene_stop(&scene->base);
	close(scene->control);
}

static void say_hello(struct scene *scene)
{
	client_scene_send(scene->control, "{\"Hello\":1234}");
	client_scene_expect_start(scene->control, "{\"Extend\":");
}

static bool has_exited(void *arg)
{
	return ((struct scene *)arg)->n_exits > 0;
}

static void start_visitor(struct scene *scene, int ends[2])
{
	char got[2];

	client_scene_send(scene->control, "{\"Connection\":\"" CLIENT_SCENE_UUID "\"}");
	ends[0] = client_scene_accept(scene->base.server);
	client_scene_expect(ends[0], "{\"Accept\":\"" CLIENT_SCENE_UUID "\"}");
	ends[1] = client_scene_accept(scene->base.service);
	ck_assert_int_eq(send(ends[0], "hi", 2, 0), 2);
	ck_assert_int_eq(recv(ends[1], got, 2, MSG_WAITALL), 2);
}

START_TEST(visitors_of_all_workers_are_carried)
{
	struct scene scene;
	int ends[4][2];

	open_scene(&scene, &(struct client_scene_options){ .n_workers = 2 });
	ck_assert(!client_scene_is_ready());
	say_hello(&scene);
	ck_assert(client_scene_is_ready());
	for (int i = 0; i < 4; i++)
		start_visitor(&scene, ends[i]);
	ck_assert(client_scene_count(&scene.base, "spore_relays", NULL) == 4);
	client_stop(scene.client); /* ends them */
	scene.client = NULL;
	for (int i = 0; i < 4; i++) {
		client_scene_expect_end(ends[i][0]);
		close(ends[i][0]);
		close(ends[i][1]);
	}
	close_scene(&scene);
}
END_TEST

static bool has_two_news(void *arg)
{
	return ((struct scene *)arg)->n_news == 2;
}

START_TEST(main_learns_of_tunnels_that_open_and_are_lost)
{
	struct scene scene;
	char text[CLIENT_STATUS_SIZE];

	open_scene(&scene, &(struct client_scene_options){ 0 });
	run_for(scene.base.runtime.main_loop, 5);
	ck_assert_uint_eq(scene.n_news, 0);
	say_hello(&scene);
	run_for(scene.base.runtime.main_loop, 5);
	ck_assert_uint_eq(scene.n_news, 1);
	ck_assert_str_eq(scene.said, "1 of 1 tunnels open");
	shutdown(scene.control, SHUT_RDWR);
	ck_assert(run_until(scene.base.runtime.main_loop, has_two_news, &scene));
	ck_assert_str_eq(scene.said, "0 of 1 tunnels open; not open: t");
	ck_assert(!readiness_explain(text, sizeof text));
	ck_assert_str_eq(text, scene.said);
	close_scene(&scene);
}
END_TEST

static void on_taken(struct survey *survey, void *arg)
{
	ck_assert_ptr_nonnull(survey_answer(survey, 0));
	ck_assert_ptr_nonnull(survey_answer(survey, 1));
	*(bool *)arg = true;
}

/* The reloads with other tunnels are in e2e/client/test_client_reload.py. */
START_TEST(a_renewal_leaves_tunnels_that_stay_the_same)
{
	struct scene scene;
	struct err err;
	bool is_taken = false;
	int ends[2];

	open_scene(&scene, &(struct client_scene_options){ .n_workers = 2 });
	say_hello(&scene);
	start_visitor(&scene, ends);
	ck_assert_ptr_nonnull(client_renew(scene.client, scene.base.runtime.plugins.set, 10000,
	                                   on_taken, &is_taken, &err));
	ck_assert(run_until(scene.base.runtime.main_loop, run_until_is_set, &is_taken));
	ck_assert(client_scene_is_ready());
	ck_assert_uint_eq(client_visitors(scene.client), 1);
	ck_assert_int_eq(send(ends[1], "yo", 2, 0), 2);
	ck_assert_int_eq(recv(ends[0], (char[2]){ 0 }, 2, MSG_WAITALL), 2);
	close(ends[0]);
	close(ends[1]);
	start_visitor(&scene, ends);
	close(ends[0]);
	close(ends[1]);
	ck_assert_uint_eq(scene.n_exits, 0);
	close_scene(&scene);
}
END_TEST

/* What runs goes on; what is new is not accepted; the process is told once nothing runs. */
START_TEST(drain_waits_for_the_last_visitor)
{
	struct scene scene;
	int ends[2];

	open_scene(&scene, &(struct client_scene_options){ 0 });
	say_hello(&scene);
	start_visitor(&scene, ends);
	client_drain(scene.client, on_drained, &scene);
	ck_assert(!client_scene_is_ready());
	client_scene_expect_end(scene.control);
	ck_assert(!run_until_within(scene.base.runtime.main_loop, 120, run_until_is_set,
	                            &scene.is_drained));
	ck_assert_int_eq(send(ends[1], "yo", 2, 0), 2);
	ck_assert_int_eq(recv(ends[0], (char[2]){ 0 }, 2, MSG_WAITALL), 2);
	close(ends[0]);
	close(ends[1]);
	ck_assert(run_until(scene.base.runtime.main_loop, run_until_is_set, &scene.is_drained));
	ck_assert_uint_eq(scene.n_exits, 0);
	close_scene(&scene);
}
END_TEST

START_TEST(drain_of_an_idle_client_is_over_at_once)
{
	struct scene scene;

	open_scene(&scene, &(struct client_scene_options){ 0 });
	client_drain(scene.client, on_drained, &scene);
	ck_assert(run_until(scene.base.runtime.main_loop, run_until_is_set, &scene.is_drained));
	close_scene(&scene);
}
END_TEST

/* A process has one runtime, so each answer has a test of its own. */
static void check_exit(const char *answer, enum client_exit status)
{
	struct scene scene;

	open_scene(&scene, &(struct client_scene_options){ 0 });
	client_scene_send(scene.control, answer);
	ck_assert(run_until(scene.base.runtime.main_loop, has_exited, &scene));
	ck_assert_int_eq(scene.status, status);
	run_for(scene.base.runtime.main_loop, 5);
	ck_assert_uint_eq(scene.n_exits, 1);
	close_scene(&scene);
}

START_TEST(wrong_secret_is_status_3)
{
	check_exit("{\"Error\":\"invalid secret\"}", CLIENT_NOT_AUTHENTICATED);
}
END_TEST

START_TEST(refused_port_is_status_4)
{
	check_exit("{\"Error\":\"failed to bind to port\"}", CLIENT_PORT_REFUSED);
}
END_TEST

START_TEST(any_other_failure_is_status_1)
{
	check_exit("\"Heartbeat\"", CLIENT_FAILED);
}
END_TEST

START_TEST(none_can_be_stopped)
{
	client_stop(NULL);
}
END_TEST

SUITE("client", visitors_of_all_workers_are_carried, main_learns_of_tunnels_that_open_and_are_lost,
      a_renewal_leaves_tunnels_that_stay_the_same, drain_waits_for_the_last_visitor,
      drain_of_an_idle_client_is_over_at_once, wrong_secret_is_status_3, refused_port_is_status_4,
      any_other_failure_is_status_1, none_can_be_stopped)
