#include "reload/watch.h"

#include <ev.h>

#include "chain/plugin_set.h"
#include "chain/renewal.h"
#include "config/config.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "plugin_file.h"
#include "run_until.h"
#include "suite.h"

static char folder[64], path[96];
static struct loop *loop;
static struct watch watch;
static unsigned changes;

static void write_file(const char *text)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

static struct config *load(void)
{
	char *argv[] = { (char *)(uintptr_t) "--config", path };
	struct config *config;
	struct diag diag = { 0 };

	ck_assert_int_eq(config_load(ROLE_SERVER, 2, argv, &diag, &config), CONFIG_LOADED);
	diag_fini(&diag);
	return config;
}

static void on_change(void *arg)
{
	ck_assert_ptr_eq(arg, &watch);
	changes++;
}

static struct plugin_set *set;
static struct instance *instance;

/* A set with one instance, which reads no file yet. */
static void make_set(struct config *config)
{
	set = calloc(1, sizeof *set);
	instance = calloc(1, sizeof *instance);
	atomic_init(&set->refs, 1);
	set->config = config_ref(config);
	set->chains = calloc(config->n_chains, sizeof *set->chains);
	for (size_t i = 0; i < N_CHAINS; i++) {
		set->chains[i] = calloc(1, sizeof(struct chain) + sizeof(struct instance *));
		atomic_init(&set->chains[i]->refs, 2); /* so that the instance is not given back */
	}
	set->chains[CHAIN_AUTH]->items[set->chains[CHAIN_AUTH]->n++] = instance;
}

static void free_set(void)
{
	for (size_t i = 0; i < N_CHAINS; i++) {
		free(set->chains[i]);
	}
	config_unref(set->config);
	free(set->chains);
	free(set);
	free(instance);
}

/* Follows the files as they are now, and this configuration (NULL: reads it). */
static void follow_terms(struct config *config, bool of_config, bool of_instances)
{
	struct config *read = config ? config_ref(config) : load();

	watch_follow(&watch, &(struct watch_terms){ read, set, of_config, of_instances });
	config_unref(read);
}

static void follow(bool on)
{
	follow_terms(NULL, on, false);
}

static void set_up(void)
{
	struct config *config;

	changes = 0;
	plugin_file_folder(folder);
	snprintf(path, sizeof path, "%s/server.json", folder);
	write_file("{}");
	loop = run_until_loop();
	watch_start(&watch, loop, on_change, &watch);
	config = load();
	make_set(config);
	config_unref(config);
}

static void tear_down(void)
{
	watch_stop(&watch);
	free_set();
	unlink(path);
	rmdir(folder);
	loop_free(loop);
}

static bool has_polled(void *unused)
{
	(void)unused;
	return watch.poll == NULL;
}

/* A poll now, instead of in half a second. */
static void poll_files(void)
{
	ev_invoke(loop_ev(loop), &watch.timer, EV_TIMER);
	ck_assert_ptr_nonnull(watch.poll);
	ck_assert(run_until(loop, has_polled, NULL));
}

START_TEST(files_that_stay_are_no_change)
{
	set_up();
	follow(true);
	poll_files();
	poll_files();
	ck_assert_uint_eq(changes, 0);
	tear_down();
}
END_TEST

START_TEST(a_change_is_told_once_it_has_settled)
{
	set_up();
	follow(true);
	write_file("{ }");
	poll_files();
	ck_assert_uint_eq(changes, 0);
	write_file("{  }"); /* the next poll sees another state */
	poll_files();
	ck_assert_uint_eq(changes, 0);
	poll_files();
	ck_assert_uint_eq(changes, 1);
	tear_down();
}
END_TEST

/* Also if nobody has followed it: the reload was refused at once. */
START_TEST(a_change_is_told_once)
{
	set_up();
	follow(true);
	write_file("{ }");
	for (int i = 0; i < 4; i++)
		poll_files();
	ck_assert_uint_eq(changes, 1);
	write_file("{  }");
	for (int i = 0; i < 4; i++)
		poll_files();
	ck_assert_uint_eq(changes, 2);
	tear_down();
}
END_TEST

START_TEST(a_file_that_vanishes_and_comes_back)
{
	set_up();
	follow(true);
	unlink(path);
	poll_files();
	poll_files();
	ck_assert_uint_eq(changes, 1);
	write_file("{ }");
	follow(true);
	poll_files();
	poll_files();
	ck_assert_uint_eq(changes, 1);
	tear_down();
}
END_TEST

START_TEST(what_was_refused_is_not_told_again)
{
	struct config *config;

	set_up();
	follow(true);
	write_file("{ }");
	config = load();
	poll_files();
	poll_files();
	ck_assert_uint_eq(changes, 1);
	follow_terms(config, true, false);
	config_unref(config);
	poll_files();
	poll_files();
	ck_assert_uint_eq(changes, 1);
	tear_down();
}
END_TEST

START_TEST(it_polls_only_if_asked_to)
{
	set_up();
	follow(false);
	ck_assert(!ev_is_active(&watch.timer));
	follow(true);
	ck_assert(ev_is_active(&watch.timer));
	follow(false);
	ck_assert(!ev_is_active(&watch.timer));
	tear_down();
	ck_assert_ptr_null(watch.config);
}
END_TEST

static bool has_changed(void *unused)
{
	(void)unused;
	return changes > 0;
}

START_TEST(it_polls_by_itself)
{
	int64_t before;

	set_up();
	follow(true);
	write_file("{ }");
	before = clock_ms();
	ck_assert(run_until(loop, has_changed, NULL));
	ck_assert_int_ge(clock_ms() - before, 500);
	tear_down();
}
END_TEST

/* The instance has read this file of the folder. */
static const char *note_file(const char *name)
{
	static char file[96];

	snprintf(file, sizeof file, "%s/%s", folder, name);
	files_note(&instance->files, set->config->doc, file);
	return file;
}

static void write_to(const char *file, const char *text)
{
	FILE *out = fopen(file, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

static void settle(void)
{
	poll_files();
	poll_files();
}

START_TEST(an_instance_has_files_of_its_own)
{
	struct renewal renewal = { NULL, 0 };
	const char *file;

	set_up();
	file = note_file("keys");
	follow_terms(set->config, true, true);
	write_to(file, "a");
	settle();
	ck_assert_uint_eq(changes, 1);
	ck_assert(!watch_take_config(&watch));
	ck_assert(watch_has_instance_changed(&watch));
	ck_assert(watch_take_instances(&watch, &renewal));
	ck_assert_uint_eq(renewal.n, 1);
	ck_assert_ptr_eq(renewal.items[0].old, instance);
	ck_assert(!watch_has_instance_changed(&watch));
	renewal_fini(&renewal);
	unlink(file);
	tear_down();
}
END_TEST

/* An instance that stays is watched as before: a version that was refused is not told again, and a
 * change that nobody has taken is not forgotten. */
START_TEST(an_instance_that_stays_keeps_its_changes)
{
	struct renewal renewal = { NULL, 0 };
	const char *file;

	set_up();
	file = note_file("keys");
	follow_terms(set->config, false, true);
	write_to(file, "a");
	settle();
	follow_terms(set->config, false, true);
	ck_assert(watch_has_instance_changed(&watch));
	watch_take_instances(&watch, &renewal);
	follow_terms(set->config, false, true);
	settle();
	ck_assert_uint_eq(changes, 1);
	ck_assert(!watch_has_instance_changed(&watch));
	write_to(file, "ab");
	settle();
	ck_assert_uint_eq(changes, 2);
	renewal_fini(&renewal);
	unlink(file);
	tear_down();
}
END_TEST

START_TEST(a_file_of_an_instance_is_the_configurations_if_its_group_is_off)
{
	const char *file;

	set_up();
	file = note_file("keys");
	files_add(&set->config->files, set->config->doc,
	          &(struct noted_file){ file, instance->files.items[0].stamp, true });
	follow_terms(set->config, true, true);
	write_to(file, "a");
	settle();
	ck_assert(!watch_take_config(&watch));
	follow_terms(set->config, true, false);
	settle();
	ck_assert(watch_take_config(&watch));
	ck_assert(!watch_take_config(&watch));
	unlink(file);
	tear_down();
}
END_TEST

/* The list that was looked at is not watched any more. */
START_TEST(a_look_at_what_was_watched_before_does_not_count)
{
	const char *file;

	set_up();
	file = note_file("keys");
	follow_terms(set->config, false, true);
	write_to(file, "a");
	poll_files();
	ev_invoke(loop_ev(loop), &watch.timer, EV_TIMER);
	follow_terms(set->config, false, true);
	ck_assert(run_until(loop, has_polled, NULL));
	ck_assert_uint_eq(changes, 0);
	poll_files();
	ck_assert_uint_eq(changes, 1);
	unlink(file);
	tear_down();
}
END_TEST

START_TEST(it_stops_during_a_poll)
{
	set_up();
	follow(true);
	ev_invoke(loop_ev(loop), &watch.timer, EV_TIMER);
	tear_down();
	ck_assert_uint_eq(changes, 0);
}
END_TEST

SUITE("watch", files_that_stay_are_no_change, a_change_is_told_once_it_has_settled,
      a_change_is_told_once, a_file_that_vanishes_and_comes_back,
      what_was_refused_is_not_told_again, it_polls_only_if_asked_to, it_polls_by_itself,
      an_instance_has_files_of_its_own, an_instance_that_stays_keeps_its_changes,
      a_file_of_an_instance_is_the_configurations_if_its_group_is_off,
      a_look_at_what_was_watched_before_does_not_count, it_stops_during_a_poll)
