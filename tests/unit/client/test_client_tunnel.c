#include "client/client_tunnel.h"

#include "scene/client_scene.h"
#include "suite.h"

struct scene {
	struct client_scene base;
	struct client_tunnel *tunnel;
};

static struct scene scene;

static void on_news(struct session *session)
{
	ck_assert_ptr_nonnull(session->owner);
}

static void on_over(struct session *session, enum client_exit status)
{
	(void)status;
	session->owner->is_over = true;
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
}

static void run_join(void *worker)
{
	client_tunnel_join(scene.tunnel, worker);
}

static void run_leave(void *worker)
{
	client_tunnel_leave(scene.tunnel, worker);
}

/* On both workers, the second one first. */
static void on_workers(void (*fn)(void *worker))
{
	for (int i = 1; i >= 0; i--)
		loop_call(scene.base.workers[i].loop, fn, &scene.base.workers[i]);
}

START_TEST(one_that_no_worker_has_taken_is_freed_at_once)
{
	open_scene();
	ck_assert(client_tunnel_lives(scene.tunnel));
	client_tunnel_free(scene.tunnel);
	client_tunnel_free(NULL);
	client_scene_close(&scene.base);
}
END_TEST

START_TEST(visitors_keep_the_memory_of_a_tunnel_that_ends)
{
	struct users *users;

	open_scene();
	users = &scene.tunnel->users;
	on_workers(run_join);
	users_enter(users); /* a visitor */
	on_workers(run_leave);
	ck_assert_uint_eq(atomic_load(&users->n), 1);
	users_leave(users);
	client_scene_settle(&scene.base);
	client_scene_close(&scene.base);
}
END_TEST

static void run_inherit(void *before)
{
	struct client_tunnel *tunnel = scene.tunnel;

	client_tunnel_inherit(tunnel, before);
}

START_TEST(a_tunnel_that_a_reload_opens_is_tried_again)
{
	struct client_tunnel *before;

	open_scene();
	before = scene.tunnel;
	before->sessions[0].retry.last_port = 1234;
	ck_assert_ptr_eq(client_tunnel_speaker(before), &before->sessions[0]);
	scene.tunnel = client_tunnel_new(&(struct client_tunnel_spec){
		.workers = scene.base.workers,
		.n_workers = 2,
		.config = scene.base.config,
		.settings = scene.base.config->settings.tunnels.items,
	});
	client_scene_call(&scene.base, run_inherit, NULL);
	ck_assert_uint_eq(scene.tunnel->sessions[0].retry.last_port, 0);
	ck_assert(scene.tunnel->sessions[0].retry.is_late);
	client_scene_call(&scene.base, run_inherit, before);
	ck_assert_uint_eq(scene.tunnel->sessions[0].retry.last_port, 1234);
	client_tunnel_free(scene.tunnel);
	client_tunnel_free(before);
	client_scene_close(&scene.base);
}
END_TEST

SUITE("client_tunnel", one_that_no_worker_has_taken_is_freed_at_once,
      visitors_keep_the_memory_of_a_tunnel_that_ends, a_tunnel_that_a_reload_opens_is_tried_again)
