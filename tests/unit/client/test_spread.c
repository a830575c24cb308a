#include "client/spread.h"

#include "scene/client_scene.h"
#include "suite.h"

enum { WORKERS = CLIENT_SCENE_WORKERS };

struct scene {
	struct client_scene base;
	struct ahead_pool pools[WORKERS];
	struct spread spread;
	struct decliner decliner;
	struct uuid id;
	unsigned n;
};

static void run_init_pool(void *arg)
{
	ahead_pool_init(arg);
}

static void run_visitor(void *arg)
{
	struct scene *scene = arg;

	spread_visitor(&scene->spread, &(struct announced){ .id = scene->id });
}

static void run_ahead(void *arg)
{
	struct scene *scene = arg;

	spread_ahead(&scene->spread, &(struct ahead_grant){ .n = scene->n, .pass = scene->id });
}

static void open_scene(struct scene *scene)
{
	*scene = (struct scene){ 0 };
	/* With a secret, dials stay on their way: the test never sends a Challenge. */
	client_scene_open(&scene->base, &(struct client_scene_options){ .secret = "s3cret",
	                                                                .n_workers = WORKERS });
	ck_assert_uint_eq(scene->base.runtime.n_workers, WORKERS);
	ck_assert(uuid_parse(CLIENT_SCENE_UUID, strlen(CLIENT_SCENE_UUID), &scene->id));
	for (int i = 0; i < WORKERS; i++) {
		scene->pools[i].worker = &scene->base.workers[i];
		scene->pools[i].tunnel = scene->base.config->settings.tunnels.items;
		scene->pools[i].config = scene->base.config;
		scene->pools[i].decliner = &scene->decliner;
		loop_call(scene->base.runtime.loops[i], run_init_pool, &scene->pools[i]);
	}
	decline_init(&scene->decliner, scene->base.runtime.loops[0], "t", NULL);
	scene->spread = (struct spread){ .pools = scene->pools, .n_workers = WORKERS };
}

static void ask_ahead(struct scene *scene, unsigned n)
{
	scene->n = n;
	client_scene_call(&scene->base, run_ahead, scene);
	client_scene_settle(&scene->base);
}

static void close_scene(struct scene *scene)
{
	ask_ahead(scene, 0);
	client_scene_close(&scene->base);
	ck_assert_uint_eq(atomic_load(&scene->base.shared.carried), 0);
}

static void check_loads(struct scene *scene, unsigned own, unsigned other)
{
	client_scene_call(&scene->base, run_visitor, scene);
	client_scene_settle(&scene->base);
	ck_assert_uint_eq(atomic_load(&scene->base.workers[0].load), own);
	ck_assert_uint_eq(atomic_load(&scene->base.workers[1].load), other);
	ck_assert_uint_eq(scene->base.workers[0].n_dialling, own);
	ck_assert_uint_eq(scene->base.workers[1].n_dialling, other);
	ck_assert_uint_eq(atomic_load(&scene->base.shared.carried), own + other);
	ck_assert(client_scene_count(&scene->base, "spore_client_visitors_total", NULL) ==
	          own + other);
}

START_TEST(visitors_go_where_least_is_to_do_and_to_us_in_doubt)
{
	struct scene scene;

	open_scene(&scene);
	check_loads(&scene, 1, 0);
	check_loads(&scene, 1, 1);
	check_loads(&scene, 2, 1);
	check_loads(&scene, 2, 2);
	close_scene(&scene);
}
END_TEST

START_TEST(worker_with_a_connection_opened_ahead_comes_first)
{
	struct scene scene;

	open_scene(&scene);
	atomic_store(&scene.pools[1].n_idle, 1);
	check_loads(&scene, 0, 1);
	check_loads(&scene, 0, 2);
	atomic_store(&scene.pools[0].n_idle, 1);
	check_loads(&scene, 1, 2);
	atomic_store(&scene.pools[1].n_idle, 0);
	check_loads(&scene, 2, 2);
	check_loads(&scene, 3, 2);
	close_scene(&scene);
}
END_TEST

START_TEST(connections_ahead_are_shared_out)
{
	struct scene scene;

	open_scene(&scene);
	ask_ahead(&scene, 3);
	ck_assert_uint_eq(scene.pools[0].grant.n, 2);
	ck_assert_uint_eq(scene.pools[1].grant.n, 1);
	ck_assert_uint_eq(scene.pools[0].n, 2);
	ck_assert(uuid_equal(&scene.pools[1].grant.pass, &scene.id));
	ask_ahead(&scene, 1);
	ck_assert_uint_eq(scene.pools[0].n, 1);
	ck_assert_uint_eq(scene.pools[1].n, 0);
	ask_ahead(&scene, 0);
	ck_assert_uint_eq(scene.pools[0].n, 0);
	close_scene(&scene);
}
END_TEST

static void run_admit(void *arg)
{
	struct scene *scene = arg;

	client_worker_admit(scene->pools[0].worker);
}

static void run_release(void *arg)
{
	struct scene *scene = arg;

	client_worker_release(scene->pools[0].worker);
}

/* To a server that does not read it, a visitor cannot be declined: it waits in the queue. */
START_TEST(visitors_above_what_the_descriptors_allow_are_declined)
{
	struct scene scene;

	open_scene(&scene);
	scene.base.shared.max_carried = 1;
	check_loads(&scene, 1, 0);
	check_loads(&scene, 1, 1);
	atomic_store(&scene.decliner.reads[0], DECLINE_READS_DECLINE);
	client_scene_call(&scene.base, run_visitor, &scene);
	client_scene_settle(&scene.base);
	ck_assert_uint_eq(atomic_load(&scene.base.shared.carried), 2);
	ck_assert(client_scene_count(&scene.base, "spore_client_failures_total", "descriptors") ==
	          1);
	ck_assert(client_scene_count(&scene.base, "spore_client_visitors_total", NULL) == 3);
	close_scene(&scene);
}
END_TEST

/* Also if another worker has a connection opened ahead. */
START_TEST(worker_with_a_place_comes_first)
{
	struct scene scene;

	open_scene(&scene);
	scene.base.workers[0].max_carried = 1;
	client_scene_call(&scene.base, run_admit, &scene);
	atomic_store(&scene.pools[0].n_idle, 1);
	for (int i = 0; i < 2; i++)
		client_scene_call(&scene.base, run_visitor, &scene);
	client_scene_settle(&scene.base);
	ck_assert_uint_eq(atomic_load(&scene.base.workers[0].load), 1);
	ck_assert_uint_eq(atomic_load(&scene.base.workers[1].load), 2);
	atomic_store(&scene.pools[0].n_idle, 0);
	client_scene_call(&scene.base, run_release, &scene);
	close_scene(&scene);
}
END_TEST

SUITE("spread", visitors_above_what_the_descriptors_allow_are_declined,
      worker_with_a_place_comes_first, visitors_go_where_least_is_to_do_and_to_us_in_doubt,
      worker_with_a_connection_opened_ahead_comes_first, connections_ahead_are_shared_out)
