#include "carry/proxy_state.h"

#include "scene/proxy_scene.h"
#include "suite.h"

static void run_lend(void *arg)
{
	struct proxy_scene *scene = arg;
	struct proxy *proxy = proxy_state_new(&scene->pool, &(struct announced){ .id = scene->id });

	ck_assert_ptr_nonnull(proxy);
	proxy_state_lend(proxy, true);
	proxy_state_lend(proxy, true);
	ck_assert_uint_eq(scene->pool.lent, 1);
	proxy_state_lend(proxy, false);
	proxy_state_lend(proxy, false);
	ck_assert_uint_eq(scene->pool.lent, 0);
	proxy_state_free(proxy);
}

START_TEST(a_connection_is_lent_once)
{
	struct proxy_scene scene;

	proxy_scene_open(&scene, NULL);
	client_scene_call(&scene.base, run_lend, &scene);
	proxy_scene_close(&scene);
}
END_TEST

/* In the queue, without any connection. */
static void run_end(void *arg)
{
	struct proxy_scene *scene = arg;
	struct client_worker *worker = proxy_scene_worker(scene);
	struct proxy *proxy = proxy_state_new(&scene->pool, &(struct announced){ .id = scene->id });

	ck_assert_ptr_nonnull(proxy);
	client_worker_admit(worker);
	worker->n_waiting++;
	scene->pool.tally.now++;
	proxy_state_lend(proxy, true);
	proxy_state_end(proxy, false);
	ck_assert_uint_eq(worker->n_waiting, 0);
	ck_assert_uint_eq(scene->pool.lent, 0);
	ck_assert_uint_eq(scene->pool.tally.now, 0);
}

START_TEST(the_end_gives_everything_back)
{
	struct proxy_scene scene;

	proxy_scene_open(&scene, NULL);
	client_scene_call(&scene.base, run_end, &scene);
	proxy_scene_wait_carried(&scene, 0);
	proxy_scene_close(&scene);
}
END_TEST

SUITE("proxy_state", a_connection_is_lent_once, the_end_gives_everything_back)
