#include "reload/reload.h"

#include <dirent.h>

#include "scene/process_scene.h"

#define QUIET ", \"log\": { \"level\": \"error\" }"

static struct process_scene scene;
static struct reload_answer answer;

static void reload_with(const char *more)
{
	scene_write_config(&scene, more);
	scene_reload(&scene, &answer);
}

static bool has_generation(void *generation)
{
	return scene.runtime.plugins.generation == *(unsigned *)generation;
}

START_TEST(another_configuration_is_swapped_in)
{
	scene_start(&scene, QUIET);
	reload_with(QUIET ", \"limits\": { \"max_tunnels\": 3 }");
	ck_assert(answer.swapped);
	ck_assert_ptr_null(answer.mistakes);
	ck_assert_uint_eq(answer.changes.n, 1);
	ck_assert_str_eq(answer.changes.items[0].pointer, "/limits/max_tunnels");
	ck_assert_uint_eq(scene.runtime.plugins.generation, 2);
	ck_assert_int_eq(scene.runtime.config->settings.limits.max_tunnels, 3);
	reload_answer_fini(&answer);
	scene_stop(&scene);
}
END_TEST

START_TEST(mistakes_change_nothing)
{
	scene_start(&scene, QUIET);
	reload_with(QUIET ", \"limits\": { \"max_tunnels\": \"x\" }, \"nonsense\": 1");
	ck_assert(!answer.swapped);
	ck_assert_uint_eq(answer.changes.n, 0);
	ck_assert_ptr_nonnull(strstr(answer.mistakes, "/limits/max_tunnels: expected"));
	ck_assert_ptr_nonnull(strstr(answer.mistakes, "nonsense"));
	ck_assert_uint_eq(scene.runtime.plugins.generation, 1);
	reload_answer_fini(&answer);
	reload_with(QUIET); /* and nothing is left of them */
	ck_assert(answer.swapped);
	reload_answer_fini(&answer);
	scene_stop(&scene);
}
END_TEST

START_TEST(what_needs_a_restart_is_told_each_time)
{
	static const char
		*const other = ", \"log\": { \"level\": \"error\", \"format\": \"json\" }";

	scene_start(&scene, QUIET);
	for (int i = 0; i < 2; i++) {
		reload_with(other);
		ck_assert(answer.swapped);
		ck_assert_uint_eq(answer.changes.n, 1);
		ck_assert_str_eq(answer.changes.items[0].pointer, "/log/format");
		ck_assert_int_eq(answer.changes.items[0].kind, OPTION_RESTART);
		reload_answer_fini(&answer);
	}
	scene_stop(&scene);
}
END_TEST

START_TEST(the_timeout_of_a_drain_follows)
{
	FILE *out;

	scene_start(&scene, QUIET);
	out = fopen(scene.path, "w");
	fprintf(out,
	        "{ \"server\": { \"bind_addr\": \"127.0.0.1\", \"control_port\": %u, "
	        "\"drain_timeout\": \"7s\" }, \"plugins\": { \"path\": [\"" PLUGIN_DIR "\"] }" QUIET
	        " }",
	        scene.control.port);
	fclose(out);
	scene_reload(&scene, &answer);
	ck_assert_msg(answer.swapped, "%s", answer.mistakes);
	ck_assert_int_eq(drain_timeout(&scene.drain), 7000);
	reload_answer_fini(&answer);
	scene_stop(&scene);
}
END_TEST

START_TEST(a_control_port_that_is_taken_changes_nothing)
{
	spore_addr own = scene.control;
	int taken;

	scene_start(&scene, QUIET);
	own = scene.control;
	taken = sockets_listen(&scene.control, 1);
	reload_with(QUIET);
	ck_assert(!answer.swapped);
	ck_assert_msg(strstr(answer.mistakes, "in use") != NULL, "%s", answer.mistakes);
	ck_assert_uint_eq(scene.runtime.plugins.generation, 1);
	reload_answer_fini(&answer);
	close(taken);
	scene.control = own;
	close(scene_open_tunnel(&scene, &own));
	scene_stop(&scene);
}
END_TEST

START_TEST(hup_reloads)
{
	unsigned expected = 2;

	scene_start(&scene, QUIET);
	kill(getpid(), SIGHUP);
	ck_assert(run_until(scene.runtime.main_loop, has_generation, &expected));
	scene_stop(&scene);
}
END_TEST

START_TEST(a_hup_of_before_the_start_is_kept)
{
	unsigned expected = 2;

	reload_hold(true);
	kill(getpid(), SIGHUP);
	scene_start(&scene, QUIET);
	ck_assert(run_until(scene.runtime.main_loop, has_generation, &expected));
	scene_stop(&scene);
}
END_TEST

START_TEST(after_the_stop_all_is_refused)
{
	scene_start(&scene, QUIET);
	reload_stop(&scene.reload);
	reload_stop(&scene.reload);
	reload_with(QUIET);
	ck_assert(!answer.swapped);
	ck_assert_str_eq(answer.mistakes, "error: the server is shutting down\n");
	ck_assert_uint_eq(scene.runtime.plugins.generation, 1);
	kill(getpid(), SIGHUP); /* no longer ends the process */
	reload_hold(false);
	reload_answer_fini(&answer);
	scene_stop(&scene);
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

/* The copy of a plugin's file does not stay open. */
START_TEST(the_next_reload_goes_on_with_what_was_loaded)
{
	struct scene_request first, second;
	unsigned before;

	scene_start(&scene, QUIET);
	before = count_descriptors();
	scene_write_config(&scene, QUIET ", \"auth\": [{ \"use\": \"hmac\" }]");
	scene_ask_for_reload(&scene, &first);
	scene_ask_for_reload(&scene, &second);
	ck_assert(run_until(scene.runtime.main_loop, run_until_is_set, &second.done));
	ck_assert(first.done && !first.answer.swapped && !second.answer.swapped);
	ck_assert_uint_eq(count_descriptors(), before);
	reload_answer_fini(&first.answer);
	reload_answer_fini(&second.answer);
	scene_stop(&scene);
}
END_TEST

START_TEST(those_who_ask_meanwhile_share_one_reload)
{
	struct scene_request requests[3], forgotten;

	scene_start(&scene, QUIET);
	scene_ask_for_reload(&scene, &requests[0]);
	scene_ask_for_reload(&scene, &requests[1]);
	scene_ask_for_reload(&scene, &forgotten);
	scene_ask_for_reload(&scene, &requests[2]);
	reload_forget(&forgotten.request);
	ck_assert(run_until(scene.runtime.main_loop, run_until_is_set, &requests[2].done));
	ck_assert(!forgotten.done);
	ck_assert_uint_eq(scene.runtime.plugins.generation, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert(requests[i].done && requests[i].answer.swapped);
		reload_answer_fini(&requests[i].answer);
	}
	scene_stop(&scene);
}
END_TEST

START_TEST(the_stop_answers_those_who_wait)
{
	struct scene_request running, waiting;

	scene_start(&scene, QUIET);
	scene_ask_for_reload(&scene, &running);
	scene_ask_for_reload(&scene, &waiting);
	reload_stop(&scene.reload);
	ck_assert(running.done && waiting.done);
	ck_assert_str_eq(running.answer.mistakes, "error: the server is shutting down\n");
	ck_assert_str_eq(waiting.answer.mistakes, "error: the server is shutting down\n");
	reload_answer_fini(&running.answer);
	reload_answer_fini(&waiting.answer);
	ck_assert_uint_eq(scene.runtime.plugins.generation, 1);
	scene_stop(&scene);
}
END_TEST

/* ---- renewals ---- */

static char team[96], section[512];

static void write_team(const char *text)
{
	FILE *out = fopen(team, "w");

	ck_assert(out && fputs(text, out) >= 0);
	fclose(out);
}

/* A server with an instance that reads the file, and one that does not. */
static void start_with_team(void)
{
	char folder[] = "/tmp/spore-unit-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(team, sizeof team, "%s/team", folder);
	snprintf(section, sizeof section,
	         QUIET ", \"auth\": [{ \"use\": \"hmac\", \"secret\": \"x\" }, "
	               "{ \"use\": \"multi_secret\", \"secrets_file\": \"%s\" }]",
	         team);
	write_team("alice:one\n");
	scene_start(&scene, section);
}

static void stop_with_team(void)
{
	scene_stop(&scene);
	unlink(team);
	*strrchr(team, '/') = '\0';
	rmdir(team);
}

static const struct instance *auth_of(size_t index)
{
	return scene.runtime.plugins.set->chains[CHAIN_AUTH]->items[index];
}

static bool is_another(void *before)
{
	return auth_of(1) != before;
}

START_TEST(a_changed_file_renews_its_instance_alone)
{
	const struct instance *first, *second;

	start_with_team();
	first = auth_of(0);
	second = auth_of(1);
	write_team("alice:two\n");
	ck_assert(run_until(scene.runtime.main_loop, is_another, (void *)(uintptr_t)second));
	ck_assert_ptr_eq(auth_of(0), first);
	ck_assert_uint_eq(scene.runtime.plugins.generation, 1);
	stop_with_team();
}
END_TEST

static void (*begin)(void *arg); /* the real one */
static struct scene_request request;
static bool has_stopped;

static void begin_and_ask(void *arg)
{
	begin(arg);
	ck_assert(scene.reload.is_renewal);
	scene_ask_for_reload(&scene, &request);
}

/* Somebody asks for a reload while a renewal runs: it follows. */
START_TEST(a_reload_follows_a_renewal)
{
	start_with_team();
	begin = scene.reload.watch.on_change;
	scene.reload.watch.on_change = begin_and_ask;
	write_team("alice:two\n");
	ck_assert(run_until(scene.runtime.main_loop, run_until_is_set, &request.done));
	ck_assert(request.answer.swapped);
	ck_assert(!scene.reload.is_renewal);
	ck_assert_uint_eq(scene.runtime.plugins.generation, 2);
	reload_answer_fini(&request.answer);
	stop_with_team();
}
END_TEST

static void begin_and_stop(void *arg)
{
	begin(arg);
	ck_assert(scene.reload.is_renewal);
	reload_stop(&scene.reload);
	has_stopped = true;
}

START_TEST(a_stop_ends_a_renewal)
{
	start_with_team();
	begin = scene.reload.watch.on_change;
	scene.reload.watch.on_change = begin_and_stop;
	write_team("alice:two\n");
	ck_assert(run_until(scene.runtime.main_loop, run_until_is_set, &has_stopped));
	stop_with_team();
}
END_TEST

SUITE("reload", a_changed_file_renews_its_instance_alone, a_reload_follows_a_renewal,
      a_stop_ends_a_renewal, another_configuration_is_swapped_in, mistakes_change_nothing,
      what_needs_a_restart_is_told_each_time, the_timeout_of_a_drain_follows,
      a_control_port_that_is_taken_changes_nothing, hup_reloads, a_hup_of_before_the_start_is_kept,
      after_the_stop_all_is_refused, the_next_reload_goes_on_with_what_was_loaded,
      those_who_ask_meanwhile_share_one_reload, the_stop_answers_those_who_wait)
