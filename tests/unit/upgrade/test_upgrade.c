#include "upgrade/upgrade.h"

#include <signal.h>
#include <sys/stat.h>

#include "keep/keeper.h"
#include "scene/process_scene.h"
#include "upgrade/protocol.h"

/* A server, and scripts that are to take its place. What a real program does is in
 * e2e/operation/test_upgrade.py. */
static struct process_scene scene;
static struct keeper keeper;
static struct upgrade upgrade;
static struct upgrade_host host;
static struct upgrade_request request;
static char said[1000], path[128];
static bool is_answered, has_left;

static int copy_no_admin(void *arg)
{
	(void)arg;
	return -1;
}

static void note_leave(void *arg, pid_t heir)
{
	(void)arg;
	(void)heir;
	has_left = true;
}

static void note_answer(struct upgrade_request *of, const struct upgrade_answer *answer)
{
	ck_assert_ptr_eq(of, &request);
	ck_assert(!is_answered);
	is_answered = true;
	snprintf(said, sizeof said, "%s", answer->error ? answer->error : "good");
}

static void set_up(void)
{
	scene_start(&scene, "");
	keeper = (struct keeper){ .main_loop = scene.runtime.main_loop };
	host = (struct upgrade_host){ .runtime = &scene.runtime,
		                      .server = scene.server,
		                      .drain = &scene.drain,
		                      .words = &scene.words,
		                      .keeper = &keeper,
		                      .copy_admin = copy_no_admin,
		                      .leave = note_leave };
	upgrade_hold(true);
	upgrade_start(&upgrade, &host);
	snprintf(path, sizeof path, "%s/program", scene.folder);
}

static void tear_down(void)
{
	unlink(path);
	upgrade_stop(&upgrade);
	scene_stop(&scene);
}

/* With --check it greets and ends well. */
static void write_program(const char *script)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	fprintf(out, "#!/bin/sh\ncase \"$*\" in *--check*) printf '%s' >&3; exit 0;; esac\n%s\n",
	        PROTOCOL_GREETING, script);
	fclose(out);
	ck_assert_int_eq(chmod(path, 0700), 0);
}

static void ask(const char *program)
{
	is_answered = false;
	request.done = note_answer;
	upgrade_ask(&upgrade, program, &request);
}

static const char *await_answer(void)
{
	ck_assert(is_answered ||
	          run_until(scene.runtime.main_loop, run_until_is_set, &is_answered));
	return said;
}

static void expect_failure(const char *program, const char *why)
{
	ask(program);
	ck_assert_str_eq(await_answer(), why);
	ck_assert_int_eq(upgrade.step, UPGRADE_IDLE);
	ck_assert(!has_left);
}

/* The server still takes clients and visitors. */
static void expect_service(void)
{
	spore_addr public_addr;
	int control = scene_open_tunnel(&scene, &public_addr);
	int visitor = sockets_dial(&public_addr);
	char text[200] = "";

	for (size_t len = 0; !strstr(text, "Connection");) {
		ssize_t n = read(control, text, sizeof text - 1);

		ck_assert_int_gt(n, 0);
		for (len = 0; len < (size_t)n; len++)
			text[len] = text[len] ? text[len] : ' ';
		text[n] = '\0';
	}
	close(visitor);
	close(control);
}

START_TEST(what_is_no_program)
{
	char why[300];

	set_up();
	expect_failure("spore", "expected an absolute path, found spore");
	expect_failure("/nowhere/spore", "/nowhere/spore: No such file or directory");
	expect_failure("/", "/ is not an executable file");
	write_program("exit 0");
	chmod(path, 0600);
	snprintf(why, sizeof why, "%s is not an executable file", path);
	expect_failure(path, why);
	chmod(path, 0702);
	ask(path);
	ck_assert_ptr_nonnull(strstr(await_answer(), path));
	tear_down();
}
END_TEST

START_TEST(a_program_that_fails_its_check)
{
	set_up();
	expect_failure("/bin/false",
	               "expected a spore that can take the place of a server, but `/bin/false "
	               "server ... --check` has not said that it is one, and has ended with "
	               "status 1");
	expect_failure("/bin/true",
	               "expected a spore that can take the place of a server, but `/bin/true "
	               "server ... --check` has not said that it is one, and has ended with "
	               "status 0");
	expect_service();
	tear_down();
}
END_TEST

START_TEST(a_program_that_ends_at_once)
{
	set_up();
	write_program("exit 3");
	expect_failure(path,
	               "the new process has ended with status 3; its messages are in the log");
	write_program("kill -KILL $$");
	expect_failure(path,
	               "the new process has ended with signal 9; its messages are in the log");
	expect_service();
	tear_down();
}
END_TEST

START_TEST(only_one_upgrade_runs)
{
	set_up();
	write_program("exec sleep 100");
	ask(path);
	ck_assert(!is_answered);
	upgrade_ask(&upgrade, path, &request);
	ck_assert_str_eq(said, "an upgrade runs already");
	is_answered = false;
	upgrade_close(&upgrade);
	ck_assert_str_eq(await_answer(), "the server was asked to end meanwhile");
	ck_assert_int_eq(upgrade.step, UPGRADE_IDLE);
	tear_down();
}
END_TEST

START_TEST(nobody_waits_for_the_answer)
{
	set_up();
	write_program("exec sleep 100");
	ask(path);
	upgrade_forget(&upgrade, &request);
	run_for(scene.runtime.main_loop, 100);
	tear_down(); /* ends the program */
	ck_assert(!is_answered);
}
END_TEST

START_TEST(a_server_that_drains_is_not_upgraded)
{
	set_up();
	ck_assert(drain_ask(&scene.drain, "test"));
	ask("/bin/true");
	ck_assert_str_eq(await_answer(), "the server drains");
	tear_down();
}
END_TEST

static bool has_begun(void *unused)
{
	(void)unused;
	return upgrade.step != UPGRADE_IDLE;
}

START_TEST(a_signal_asks)
{
	set_up();
	raise(SIGUSR2);
	ck_assert(run_until(scene.runtime.main_loop, has_begun, NULL));
	ck_assert_ptr_nonnull(strstr(upgrade.path, "test_upgrade"));
	upgrade_close(&upgrade);
	tear_down();
	raise(SIGUSR2);
}
END_TEST

SUITE("upgrade", what_is_no_program, a_program_that_fails_its_check, a_program_that_ends_at_once,
      only_one_upgrade_runs, nobody_waits_for_the_answer, a_server_that_drains_is_not_upgraded,
      a_signal_asks)
