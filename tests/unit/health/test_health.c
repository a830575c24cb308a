#include "health/health.h"

#include "base/container.h"
#include "config/settings.h"
#include "net/sock.h"
#include "scene/host_scene.h"
#include "sockets.h"
#include "suite.h"

struct scene {
	struct host_scene host;
	struct plugin_set *set;
	spore_addr addr;
	int listener;
	struct health health;
	struct tunnel_settings tunnel, next;
	atomic_uint n_news;
	atomic_bool is_down;
	bool closes; /* the port */
};

static void on_news(struct health *health)
{
	struct scene *scene = CONTAINER_OF(health, struct scene, health);

	atomic_store(&scene->is_down, health->is_down);
	atomic_fetch_add(&scene->n_news, 1);
}

static void run_start(void *arg)
{
	struct scene *scene = arg;

	health_init(&scene->health);
	health_start(&scene->health, &scene->tunnel);
}

/* The worker uses the old settings until then. */
static void run_use(void *arg)
{
	struct scene *scene = arg;

	health_use(&scene->health, &scene->next);
	scene->tunnel = scene->next;
	scene->health.tunnel = &scene->tunnel;
	scene->closes = health_closes_port(&scene->health);
}

static void run_ask(void *arg)
{
	struct scene *scene = arg;

	scene->closes = health_closes_port(&scene->health);
}

static void run_stop(void *arg)
{
	health_stop(&((struct scene *)arg)->health);
}

static void open_scene(struct scene *scene, int64_t rise, int64_t fall)
{
	*scene = (struct scene){ .set = NULL };
	host_scene_open(&scene->host);
	scene->set = host_scene_start(
		&scene->host, ROLE_LOCAL,
		"{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local\":\"web:80\"}]}");
	scene->listener = sockets_listen(&scene->addr, 128);
	scene->tunnel = (struct tunnel_settings){
		.name = "web",
		.local_host = "127.0.0.1",
		.local_port = scene->addr.port,
		.check = { .interval = 10,
		           .timeout = 5000,
		           .rise = rise,
		           .fall = fall,
		           .is_wanted = true },
	};
	scene->health = (struct health){ .loop = scene->host.loops[0],
		                         .resolver = scene->host.services.resolver,
		                         .set = &scene->set,
		                         .on_news = on_news };
}

static void close_scene(struct scene *scene)
{
	host_scene_call(&scene->host, run_stop, scene);
	host_scene_call(&scene->host, run_stop, scene);
	if (scene->listener >= 0)
		close(scene->listener);
	plugin_set_unref(scene->set);
	host_scene_close(&scene->host);
}

static void stop_service(struct scene *scene)
{
	close(scene->listener);
	scene->listener = -1;
}

static bool is_down(void *arg)
{
	return atomic_load(&((struct scene *)arg)->is_down);
}

static bool is_up(void *arg)
{
	return !is_down(arg);
}

static bool has_been_up(void *arg)
{
	return ((struct scene *)arg)->health.has_been_up;
}

static void run_look(void *arg)
{
	struct scene *scene = arg;

	atomic_store(&scene->n_news, has_been_up(arg) ? 1000 : 0);
}

static bool has_succeeded(void *arg)
{
	struct scene *scene = arg;

	host_scene_call(&scene->host, run_look, scene);
	return atomic_load(&scene->n_news) == 1000;
}

START_TEST(a_service_falls_and_rises)
{
	struct scene scene;
	char why[64];

	open_scene(&scene, 2, 3);
	host_scene_call(&scene.host, run_start, &scene);
	ck_assert(host_scene_wait(has_succeeded, &scene));
	stop_service(&scene);
	ck_assert(host_scene_wait(is_down, &scene));
	host_scene_call(&scene.host, run_stop, &scene);
	ck_assert_int_ge(scene.health.falls, 3);
	snprintf(why, sizeof why, "127.0.0.1:%u: Connection refused", scene.addr.port);
	ck_assert_str_eq(scene.health.why, why);
	close_scene(&scene);
}
END_TEST

/* Nothing is known of it yet. */
START_TEST(one_failure_is_enough_for_a_service_that_was_never_up)
{
	struct scene scene;

	open_scene(&scene, 2, 1000);
	stop_service(&scene);
	host_scene_call(&scene.host, run_start, &scene);
	ck_assert(host_scene_wait(is_down, &scene));
	close_scene(&scene);
}
END_TEST

START_TEST(a_service_that_comes_back_is_up)
{
	struct scene scene;
	struct err err;

	open_scene(&scene, 2, 1);
	stop_service(&scene);
	host_scene_call(&scene.host, run_start, &scene);
	ck_assert(host_scene_wait(is_down, &scene));
	scene.listener = sock_bind(&scene.addr, false, NULL, &err);
	ck_assert_msg(scene.listener >= 0 && sock_listen(scene.listener, &err), "%s", err.text);
	ck_assert(host_scene_wait(is_up, &scene));
	close_scene(&scene);
}
END_TEST

START_TEST(other_settings_take_effect)
{
	struct scene scene;

	open_scene(&scene, 1, 1);
	stop_service(&scene);
	host_scene_call(&scene.host, run_start, &scene);
	ck_assert(host_scene_wait(is_down, &scene));
	scene.next = scene.tunnel;
	scene.next.check.when_down = CHECK_LEAVES_SHARE;
	host_scene_call(&scene.host, run_ask, &scene);
	ck_assert(scene.closes);
	host_scene_call(&scene.host, run_use, &scene);
	ck_assert(is_down(&scene));
	ck_assert(!scene.closes);
	scene.next.check.is_wanted = false; /* nothing is known any more */
	host_scene_call(&scene.host, run_use, &scene);
	ck_assert(is_up(&scene));
	ck_assert(!scene.health.is_checked);
	close_scene(&scene);
}
END_TEST

START_TEST(a_service_that_nobody_checks_is_up)
{
	struct scene scene;

	open_scene(&scene, 1, 1);
	scene.tunnel.check.is_wanted = false;
	stop_service(&scene);
	host_scene_call(&scene.host, run_start, &scene);
	ck_assert_ptr_null(scene.health.exam);
	ck_assert(!health_closes_port(&scene.health));
	close_scene(&scene);
}
END_TEST

SUITE("health", a_service_falls_and_rises, one_failure_is_enough_for_a_service_that_was_never_up,
      a_service_that_comes_back_is_up, other_settings_take_effect,
      a_service_that_nobody_checks_is_up)
