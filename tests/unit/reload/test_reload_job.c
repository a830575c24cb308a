#include "reload/reload_job.h"

#include "chain/retirer.h"
#include "scene/process_scene.h"

static struct process_scene scene;
static bool is_done;

static void on_done(struct reload_job *job)
{
	ck_assert_ptr_eq(job->reload, &scene.reload);
	is_done = true;
}

static struct reload_job *run_job(const char *more)
{
	struct reload_job *job;

	scene_write_config(&scene, more);
	is_done = false;
	job = reload_job_start(&scene.reload, &scene.runtime.plugins, ROLE_SERVER, &scene.words,
	                       10000, on_done);
	ck_assert_ptr_nonnull(job);
	return job;
}

static void wait_for_job(void)
{
	ck_assert(run_until(scene.runtime.main_loop, run_until_is_set, &is_done));
}

static bool is_one_left(void *unused)
{
	(void)unused;
	return retirer_alive(scene.runtime.plugins.retirer) == 1;
}

START_TEST(it_prepares_and_changes_nothing)
{
	struct reload_job *job;

	scene_start(&scene, "");
	job = run_job(", \"auth\": [{ \"use\": \"hmac\", \"secret\": \"s\" }]");
	wait_for_job();
	ck_assert(job->is_good && !job->mistakes);
	ck_assert_ptr_nonnull(job->config);
	ck_assert_uint_eq(job->draft.set->chains[CHAIN_AUTH]->n, 1);
	ck_assert_uint_eq(scene.runtime.plugins.set->chains[CHAIN_AUTH]->n, 0);
	reload_job_free(job);
	ck_assert(run_until(scene.runtime.main_loop, is_one_left, NULL));
	scene_stop(&scene);
}
END_TEST

START_TEST(it_tells_the_mistakes)
{
	struct reload_job *job;

	scene_start(&scene, "");
	job = run_job(", \"auth\": [{ \"use\": \"hmac\" }]");
	wait_for_job();
	ck_assert(!job->is_good);
	ck_assert_msg(strstr(job->mistakes, "/auth/0") != NULL, "%s", job->mistakes);
	reload_job_free(job);
	scene_stop(&scene);
}
END_TEST

START_TEST(one_that_is_given_up_is_not_good)
{
	struct reload_job *job;

	scene_start(&scene, "");
	job = run_job("");
	reload_job_give_up(job);
	ck_assert(reload_job_is_given_up(job));
	wait_for_job();
	reload_job_free(job);
	ck_assert(run_until(scene.runtime.main_loop, is_one_left, NULL));
	scene_stop(&scene);
}
END_TEST

SUITE("reload_job", it_prepares_and_changes_nothing, it_tells_the_mistakes,
      one_that_is_given_up_is_not_good)
