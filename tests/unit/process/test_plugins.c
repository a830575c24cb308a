#include "process/plugins.h"

#include "chain/retirer.h"
#include "metrics/metrics.h"
#include "net/resolve.h"
#include "scene/draft_scene.h"
#include "scene/process_scene.h"
#include "services/host.h"

/* The plugins of a process with one worker, without the rest of the runtime. */
static struct process_scene scene;
static struct loop *main_loop, *worker;
static struct metrics *metrics;
static struct resolver *resolver;
static struct plugins plugins;

static void set_up(const char *more)
{
	struct host_services services;
	struct err err;

	scene_set_up(&scene, more);
	ck_assert_int_eq(scene_load(&scene, NULL), CONFIG_LOADED);
	main_loop = loop_new(1, &err);
	worker = loop_new(0, &err);
	ck_assert(loop_start(worker, &err));
	metrics = metrics_new(2);
	resolver = resolver_new();
	services = (struct host_services){
		.metrics = metrics, .resolver = resolver, .loops = &worker, .n_workers = 1
	};
	ck_assert(host_init(&services));
	ck_assert_msg(plugins_init(&plugins, main_loop, &worker, 1, metrics, &err), "%s", err.text);
}

static void tear_down(void)
{
	ck_assert(plugins_end(&plugins, 2000));
	loop_break(worker);
	loop_join(worker);
	ck_assert(resolver_free(resolver));
	loop_finish(worker);
	plugins_free(&plugins);
	loop_free(worker);
	loop_free(main_loop);
	host_fini();
	metrics_free(metrics);
	scene_tear_down(&scene);
}

static bool load(void)
{
	struct err err = { "" };

	return plugins_load(&plugins, scene.config, &scene.diag, &err);
}

/* Reads the file again and prepares its plugins. */
static bool prepare(struct draft_scene *next, const char *more)
{
	struct config *old = scene.config;
	bool good;

	reload_words_fini(&scene.words);
	scene_write_config(&scene, more);
	ck_assert_int_eq(scene_load(&scene, NULL), CONFIG_LOADED);
	good = draft_scene_prepare(next, &plugins, scene.config, &scene.diag);
	config_unref(old);
	return good;
}

static bool has_one_generation(void *unused)
{
	(void)unused;
	return retirer_generations(plugins.retirer) == 1;
}

START_TEST(a_set_is_loaded)
{
	set_up(", \"auth\": [{ \"use\": \"hmac\", \"secret\": \"s\" }]");
	ck_assert(load());
	ck_assert_uint_eq(plugins.set->chains[CHAIN_AUTH]->n, 1);
	ck_assert_str_eq(plugins.set->chains[CHAIN_AUTH]->items[0]->component->name, "hmac");
	ck_assert_ptr_nonnull(plugins.loader.first);
	ck_assert_uint_eq(plugins.generation, 1);
	ck_assert_uint_eq(retirer_alive(plugins.retirer), 2); /* the transport, too */
	tear_down();
}
END_TEST

START_TEST(the_files_of_plugins_are_the_configurations)
{
	bool noted = false;

	set_up("");
	ck_assert(load());
	for (size_t i = 0; i < scene.config->files.n; i++)
		noted |= strcmp(scene.config->files.items[i].path,
		                PLUGIN_DIR "/transport_plain.so") == 0;
	ck_assert(noted);
	tear_down();
}
END_TEST

START_TEST(a_mistake_loads_nothing)
{
	set_up(", \"auth\": [{ \"use\": \"hmac\" }]");
	ck_assert(!load());
	ck_assert_uint_eq(scene.diag.count, 1);
	ck_assert_uint_eq(scene.diag.count_elsewhere, 1);
	ck_assert_ptr_null(plugins.set);
	tear_down();
}
END_TEST

START_TEST(a_set_takes_the_place_of_another)
{
	struct draft_scene next;
	struct plugin_set *old;

	set_up("");
	ck_assert(load());
	old = plugin_set_ref(plugins.set);
	ck_assert(prepare(&next, ", \"auth\": [{ \"use\": \"hmac\", \"secret\": \"s\" }]"));
	ck_assert_ptr_eq(plugins.set, old);
	plugins_use(&plugins, &next.draft);
	plugins_drop(&plugins, &next.draft);
	ck_assert_ptr_ne(plugins.set, old);
	ck_assert_uint_eq(plugins.generation, 2);
	ck_assert_uint_eq(plugins.set->chains[CHAIN_AUTH]->n, 1);
	ck_assert_uint_eq(retirer_generations(plugins.retirer), 2);
	plugin_set_unref(old);
	ck_assert(run_until(main_loop, has_one_generation, NULL));
	tear_down();
}
END_TEST

START_TEST(a_set_that_is_dropped_changes_nothing)
{
	struct draft_scene next;
	struct plugin_set *old;

	set_up("");
	ck_assert(load());
	old = plugins.set;
	ck_assert(prepare(&next, ", \"auth\": [{ \"use\": \"hmac\", \"secret\": \"s\" }]"));
	plugins_drop(&plugins, &next.draft);
	ck_assert_ptr_eq(plugins.set, old);
	ck_assert_uint_eq(plugins.generation, 1);
	ck_assert(run_until(main_loop, has_one_generation, NULL));
	tear_down();
}
END_TEST

START_TEST(a_mistake_prepares_nothing)
{
	struct draft_scene next;

	set_up("");
	ck_assert(load());
	ck_assert(!prepare(&next, ", \"auth\": [{ \"use\": \"hmac\" }]"));
	plugins_drop(&plugins, &next.draft);
	ck_assert_uint_eq(plugins.generation, 1);
	ck_assert_uint_eq(scene.diag.count, 1);
	tear_down();
}
END_TEST

/* ---- exporters that end before the set ---- */

/* A job that reads the running set, as a reload does. */
struct reading {
	struct steward_job job;
	struct chain *const *exporters;
	atomic_bool may_end;
	size_t n_seen;
	bool is_done;
};

static void run_reading(struct steward_job *job)
{
	struct reading *reading = CONTAINER_OF(job, struct reading, job);

	while (!atomic_load(&reading->may_end))
		reading->n_seen = (*reading->exporters)->n;
	reading->n_seen = (*reading->exporters)->n;
}

static void on_read(struct steward_job *job)
{
	CONTAINER_OF(job, struct reading, job)->is_done = true;
}

static void begin_reading(struct reading *reading)
{
	*reading = (struct reading){ .job = { .run = run_reading, .done = on_read },
		                     .exporters = &plugins.set->chains[CHAIN_METRICS] };
	steward_give(plugins.steward, &reading->job);
}

static bool has_no_listener(void *unused)
{
	(void)unused;
	return plugins.set->chains[CHAIN_METRICS]->n == 1;
}

/* One exporter listens, and one sends. */
static void load_exporters(void)
{
	spore_addr listens, sends;
	char text[256];

	close(sockets_listen(&listens, 1));
	close(sockets_listen(&sends, 1));
	snprintf(text, sizeof text,
	         ", \"metrics\": [{ \"use\": \"prometheus\", \"listen\": \"127.0.0.1:%u\" }, "
	         "{ \"use\": \"statsd\", \"address\": \"127.0.0.1:%u\" }]",
	         listens.port, sends.port);
	set_up(text);
	ck_assert_msg(load(), "%u mistakes", scene.diag.count);
	ck_assert_uint_eq(plugins.set->chains[CHAIN_METRICS]->n, 2);
}

/* The control thread may still be in a reload that nobody waits for. */
START_TEST(listeners_end_when_no_job_reads_the_set)
{
	struct reading reading;

	load_exporters();
	begin_reading(&reading);
	plugins_end_listeners(&plugins);
	run_for(main_loop, 20);
	ck_assert_uint_eq(plugins.set->chains[CHAIN_METRICS]->n, 2);
	atomic_store(&reading.may_end, true);
	ck_assert(run_until(main_loop, has_no_listener, NULL));
	ck_assert(reading.is_done);
	ck_assert_uint_eq(reading.n_seen, 2);
	tear_down();
}
END_TEST

START_TEST(exporters_end_when_no_job_reads_the_set)
{
	struct reading reading;

	load_exporters();
	begin_reading(&reading);
	ck_assert(!plugins_end_exporters(&plugins));
	ck_assert_uint_eq(plugins.set->chains[CHAIN_METRICS]->n, 2);
	atomic_store(&reading.may_end, true);
	ck_assert_int_eq(steward_wait(plugins.steward, DRAFT_SCENE_MS), STEWARD_DONE);
	ck_assert(plugins_end_exporters(&plugins));
	ck_assert_ptr_null(plugins.set->chains[CHAIN_METRICS]);
	tear_down();
}
END_TEST

/* A client without visitors ends in the same turn. */
START_TEST(the_end_may_come_before_that_of_the_listeners)
{
	load_exporters();
	plugins_end_listeners(&plugins);
	tear_down();
}
END_TEST

START_TEST(zeroed_plugins_may_end)
{
	struct plugins none = { .generation = 0 };

	ck_assert(plugins_end(&none, 0));
	plugins_free(&none);
	ck_assert_ptr_null(none.retirer);
}
END_TEST

SUITE("plugins", a_set_is_loaded, the_files_of_plugins_are_the_configurations,
      a_mistake_loads_nothing, a_set_takes_the_place_of_another,
      a_set_that_is_dropped_changes_nothing, a_mistake_prepares_nothing,
      listeners_end_when_no_job_reads_the_set, exporters_end_when_no_job_reads_the_set,
      the_end_may_come_before_that_of_the_listeners, zeroed_plugins_may_end)
