#include "client/worker.h"

#include "scene/client_scene.h"
#include "suite.h"

static struct client_scene scene;

static void run_use(void *worker)
{
	worker_use(worker, ((struct client_worker *)worker)->set, 1);
}

static void run_nothing(void *unused)
{
	(void)unused;
}

START_TEST(a_set_gives_the_worker_its_limits)
{
	struct client_worker *worker = &scene.workers[0];
	const struct settings *settings;

	client_scene_open(&scene, &(struct client_scene_options){ .client = ", \"max_dials\": 7" });
	settings = &scene.config->settings;
	worker->max_dialling = 0;
	atomic_store(&worker->max_carried, 0);
	client_scene_call(&scene, run_use, worker);
	ck_assert_uint_eq(worker->max_dialling, 7);
	ck_assert_uint_gt(atomic_load(&worker->max_carried), 7);
	ck_assert_uint_eq(atomic_load(&worker->max_carried),
	                  atomic_load(&scene.shared.max_carried));
	ck_assert_int_eq(worker->relays.watch.keepalive_ms[1], settings->client.keepalive_services);
	client_scene_close(&scene);
}
END_TEST

START_TEST(looks_that_are_asked_for_in_one_turn_are_one)
{
	struct client_worker *worker = &scene.workers[0];

	client_scene_open(&scene, &(struct client_scene_options){ 0 });
	worker_post_look(worker);
	worker_post_look(worker); /* a task that is posted twice would break the queue */
	client_scene_call(&scene, run_nothing, NULL);
	ck_assert(!atomic_load(&worker->is_look_posted));
	ck_assert_uint_eq(worker->homes.n, 0);
	ck_assert(ev_is_active(&worker->late_look));
	client_scene_close(&scene);
	ck_assert(!ev_is_active(&worker->late_look));
}
END_TEST

SUITE("worker", a_set_gives_the_worker_its_limits, looks_that_are_asked_for_in_one_turn_are_one)
