#include "process/runtime.h"

#include <dirent.h>
#include <stdatomic.h>

#include "chain/retirer.h"
#include "log/log.h"
#include "loop/call.h"
#include "metrics/metrics.h"
#include "scene/draft_scene.h"
#include "scene/process_scene.h"

static struct process_scene scene;

static void see_loop(void *arg)
{
	atomic_uint *seen = arg;

	atomic_fetch_or(seen, 1u << loop_index(loop_current()));
}

START_TEST(it_runs_workers_and_plugins)
{
	atomic_uint seen = 0;

	scene_set_up(&scene, ", \"log\": { \"level\": \"warn\" }");
	ck_assert_int_eq(scene_load(&scene, NULL), CONFIG_LOADED);
	ck_assert(scene_start_runtime(&scene));
	ck_assert_uint_eq(scene.runtime.n_workers, SCENE_WORKERS);
	for (unsigned i = 0; i < SCENE_WORKERS; i++)
		loop_call(scene.runtime.loops[i], see_loop, &seen);
	ck_assert_uint_eq(seen, (1u << SCENE_WORKERS) - 1);
	ck_assert_uint_eq(scene.runtime.plugins.set->chains[CHAIN_TRANSPORT]->n, 1);
	ck_assert_uint_eq(scene.runtime.plugins.generation, 1);
	ck_assert_int_eq(log_get_level(), LOG_WARN);
	ck_assert(runtime_stop(&scene.runtime));
	scene_tear_down(&scene);
}
END_TEST

START_TEST(mistakes_of_plugins_go_to_the_diag)
{
	char text[1024] = "";
	FILE *out;

	scene_set_up(&scene, ", \"auth\": [{ \"use\": \"nonsense\" }, { \"use\": \"hmac\" }]");
	ck_assert_int_eq(scene_load(&scene, NULL), CONFIG_LOADED);
	ck_assert(!scene_start_runtime(&scene));
	ck_assert_uint_eq(scene.diag.count, 2); /* all at once */
	ck_assert_uint_eq(scene.diag.count_elsewhere, 2);
	out = fmemopen(text, sizeof text - 1, "w");
	diag_print(&scene.diag, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "auth_nonsense.so"));
	ck_assert_ptr_nonnull(strstr(text, "/auth/1"));
	ck_assert(runtime_stop(&scene.runtime));
	scene_tear_down(&scene);
}
END_TEST

START_TEST(a_wrong_configuration_is_checked_but_not_started)
{
	scene_set_up(&scene,
	             ", \"limits\": { \"max_tunnels\": -1 }, \"auth\": [{ \"use\": \"hmac\" }]");
	ck_assert_int_eq(scene_load(&scene, NULL), CONFIG_WRONG);
	ck_assert(scene.config->is_readable);
	ck_assert_uint_eq(scene.diag.count, 1);
	ck_assert(!scene_start_runtime(&scene));
	ck_assert_uint_eq(scene.diag.count, 2); /* the plugin's option is missing */
	ck_assert(runtime_stop(&scene.runtime));
	scene_tear_down(&scene);
}
END_TEST

/* The process's sockets that listen on TCP. */
static unsigned count_listeners(void)
{
	unsigned n = 0;

	for (int fd = 3; fd < 256; fd++) {
		int listens = 0;
		socklen_t len = sizeof listens;

		n += getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens;
	}
	return n;
}

START_TEST(a_check_binds_nothing)
{
	scene_set_up(&scene, ", \"metrics\": [{ \"use\": \"prometheus\", \"port\": 65432 }]");
	ck_assert_int_eq(scene_load(&scene, "--check"), CONFIG_LOADED);
	ck_assert_int_eq(scene.config->purpose, CONFIG_TO_CHECK);
	ck_assert(scene_start_runtime(&scene));
	ck_assert_uint_eq(scene.runtime.plugins.set->chains[CHAIN_METRICS]->n, 1);
	ck_assert_uint_eq(count_listeners(), 0);
	ck_assert(runtime_stop(&scene.runtime));
	scene_tear_down(&scene);
}
END_TEST

START_TEST(it_takes_another_configuration)
{
	struct draft_scene next;
	struct config *old;

	scene_set_up(&scene, ", \"log\": { \"level\": \"warn\" }");
	ck_assert_int_eq(scene_load(&scene, NULL), CONFIG_LOADED);
	ck_assert(scene_start_runtime(&scene));
	old = scene.config;
	reload_words_fini(&scene.words);
	scene_write_config(&scene, ", \"log\": { \"level\": \"error\" }");
	ck_assert_int_eq(scene_load(&scene, NULL), CONFIG_LOADED);
	ck_assert(draft_scene_prepare(&next, &scene.runtime.plugins, scene.config, &scene.diag));
	runtime_renew(&scene.runtime, scene.config, &next.draft);
	plugins_drop(&scene.runtime.plugins, &next.draft);
	ck_assert_ptr_eq(scene.runtime.config, scene.config);
	ck_assert_ptr_eq(scene.runtime.plugins.set->config, scene.config);
	ck_assert_int_eq(log_get_level(), LOG_ERROR);
	config_unref(old);
	ck_assert(runtime_stop(&scene.runtime));
	scene_tear_down(&scene);
}
END_TEST

static unsigned count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

START_TEST(it_leaves_nothing_open)
{
	unsigned before = 0;

	/* Except the eventfd of the log, which is never closed: each start makes a new one. The
	 * pipe of the watchdog is made once. */
	for (int i = 0; i < 2; i++) {
		scene_set_up(&scene, "");
		scene_load(&scene, NULL);
		ck_assert(scene_start_runtime(&scene));
		ck_assert(runtime_stop(&scene.runtime));
		scene_tear_down(&scene);
		if (i == 0)
			before = count_descriptors();
	}
	ck_assert_uint_eq(count_descriptors(), before + 1);
}
END_TEST

SUITE("runtime", it_runs_workers_and_plugins, mistakes_of_plugins_go_to_the_diag,
      a_wrong_configuration_is_checked_but_not_started, a_check_binds_nothing,
      it_takes_another_configuration, it_leaves_nothing_open)
