#include "client/respite.h"

#include "net/addr.h"
#include "scene/client_scene.h"
#include "suite.h"

struct scene {
	struct client_scene base;
	struct respite respite, other;
	struct server_place server, elsewhere, other_name;
	unsigned n_moot;
	bool is_owed[3]; /* by `server`, by `elsewhere`, by the same address under another name */
};

static struct scene scene;

static void on_moot(struct respite *respite)
{
	ck_assert_ptr_eq(respite, &scene.respite);
	ck_assert(list_is_empty(&respite->node) && !ev_is_active(&respite->tick));
	scene.n_moot++;
}

static void run_init(void *unused)
{
	(void)unused;
	respite_init(&scene.respite, &scene.base.workers[0], on_moot);
	respite_init(&scene.other, &scene.base.workers[0], on_moot);
}

static void open_scene(void)
{
	client_scene_open(&scene.base, &(struct client_scene_options){ 0 });
	scene.server.addr = scene.elsewhere.addr = scene.base.server_addr;
	scene.elsewhere.addr.ip[15]++;
	scene.other_name = (struct server_place){ scene.base.server_addr, 1 };
	client_scene_call(&scene.base, run_init, NULL);
}

static void run_stop(void *unused)
{
	(void)unused;
	respite_stop(&scene.respite);
	respite_stop(&scene.respite);
	respite_stop(&scene.other);
}

static void close_scene(void)
{
	client_scene_call(&scene.base, run_stop, NULL);
	client_scene_close(&scene.base);
}

static void run_leave(void *unused)
{
	(void)unused;
	respite_start(&scene.respite, &scene.server);
	respite_start(&scene.other, &scene.elsewhere);
	ck_assert(respite_is_owed(&scene.base.workers[0], &scene.server));
	respite_end_with(&scene.base.workers[0], &scene.server);
	scene.is_owed[0] = respite_is_owed(&scene.base.workers[0], &scene.server);
	scene.is_owed[1] = respite_is_owed(&scene.base.workers[0], &scene.elsewhere);
	scene.is_owed[2] = respite_is_owed(&scene.base.workers[0], &scene.other_name);
}

START_TEST(a_server_that_leaves_ends_its_own)
{
	open_scene();
	client_scene_call(&scene.base, run_leave, NULL);
	ck_assert_uint_eq(scene.n_moot, 1);
	ck_assert(!scene.is_owed[0] && scene.is_owed[1] && scene.is_owed[2]);
	close_scene();
}
END_TEST

static void run_tick(void *by)
{
	respite_stop(&scene.respite);
	respite_start(&scene.respite, by);
	ev_feed_event(loop_ev(scene.base.runtime.loops[0]), &scene.respite.tick, EV_TIMER);
}

static bool has_looked(void *unused)
{
	(void)unused;
	return scene.respite.look == NULL;
}

static unsigned look(struct server_place *by)
{
	scene.n_moot = 0;
	client_scene_call(&scene.base, run_tick, by);
	client_scene_settle(&scene.base);
	ck_assert(client_scene_wait(&scene.base, has_looked, NULL));
	return client_scene_unsigned(&scene.base, &scene.n_moot);
}

/* The server's name is an address, so it cannot lead anywhere else. */
START_TEST(it_ends_when_the_name_leads_elsewhere)
{
	open_scene();
	ck_assert_uint_eq(look(&scene.server), 0);
	ck_assert_uint_eq(look(&scene.elsewhere), 1);
	close_scene();
}
END_TEST

SUITE("respite", a_server_that_leaves_ends_its_own, it_ends_when_the_name_leads_elsewhere)
