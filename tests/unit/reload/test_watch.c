#include "reload/watch.h"

#include <ev.h>

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

/* Follows the file as it is now. */
static void follow(bool on)
{
	struct config *config = load();

	watch_follow(&watch, config, on);
	config_unref(config);
}

static void set_up(void)
{
	changes = 0;
	plugin_file_folder(folder);
	snprintf(path, sizeof path, "%s/server.json", folder);
	write_file("{}");
	loop = run_until_loop();
	watch_start(&watch, loop, on_change, &watch);
}

static void tear_down(void)
{
	watch_stop(&watch);
	unlink(path);
	rmdir(folder);
	loop_free(loop);
}

/* A poll now, instead of in half a second. */
static void poll_files(void)
{
	ev_invoke(loop_ev(loop), &watch.poll, EV_TIMER);
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
	watch_follow(&watch, config, true);
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
	ck_assert(!ev_is_active(&watch.poll));
	follow(true);
	ck_assert(ev_is_active(&watch.poll));
	follow(false);
	ck_assert(!ev_is_active(&watch.poll));
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

SUITE("watch", files_that_stay_are_no_change, a_change_is_told_once_it_has_settled,
      a_change_is_told_once, a_file_that_vanishes_and_comes_back,
      what_was_refused_is_not_told_again, it_polls_only_if_asked_to, it_polls_by_itself)
