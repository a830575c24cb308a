#include "admin/admin.h"

#include <errno.h>
#include <sys/stat.h>

#include "admin/admin_trial.h"
#include "scene/process_scene.h"

enum { MAX_SESSIONS = 32 };

static struct process_scene scene;
static struct admin_host host;
static struct admin *admin;

static void start(void)
{
	struct err err = { "" };

	scene_start(&scene, ", \"log\": { \"level\": \"error\" }");
	host = (struct admin_host){ .runtime = &scene.runtime,
		                    .server = scene.server,
		                    .drain = &scene.drain,
		                    .reload = &scene.reload };
	ck_assert_msg(admin_start(scene.runtime.main_loop, &host, &admin, &err), "%s", err.text);
	ck_assert_ptr_nonnull(admin);
}

static void stop(void)
{
	struct stat st;

	admin_stop(admin);
	ck_assert_int_lt(lstat(scene.admin_path, &st), 0);
	scene_stop(&scene);
}

/* An answer as it comes in. */
struct reading {
	int fd;
	char text[8192];
	size_t len;
	bool ended;
};

static bool has_ended(void *arg)
{
	struct reading *reading = arg;
	ssize_t n;

	while ((n = recv(reading->fd, reading->text + reading->len,
	                 sizeof reading->text - 1 - reading->len, MSG_DONTWAIT)) > 0)
		reading->len += (size_t)n;
	reading->ended = n == 0 || (n < 0 && errno != EAGAIN);
	return reading->ended;
}

/* Sends the bytes and reads to the end of the answer. */
static struct reading say(const char *bytes, size_t len, bool end)
{
	struct reading reading = { .fd = scene_dial_admin(&scene) };

	ck_assert_int_eq(write(reading.fd, bytes, len), (ssize_t)len);
	if (end)
		shutdown(reading.fd, SHUT_WR);
	ck_assert(run_until(scene.runtime.main_loop, has_ended, &reading));
	close(reading.fd);
	return reading;
}

START_TEST(a_line_is_answered_and_closed)
{
	struct reading reading;

	start();
	reading = say("status\ntunnels\n", 15, false);
	ck_assert_ptr_nonnull(strstr(reading.text, "\"state\": \"serving\""));
	ck_assert_str_eq(reading.text + reading.len - 2, "}\n");
	stop();
}
END_TEST

START_TEST(a_line_may_come_in_pieces)
{
	struct reading reading = { 0 };

	start();
	reading.fd = scene_dial_admin(&scene);
	ck_assert_int_eq(write(reading.fd, "plu", 3), 3);
	run_for(scene.runtime.main_loop, 10);
	ck_assert(!has_ended(&reading));
	ck_assert_int_eq(write(reading.fd, "gins\n", 5), 5);
	ck_assert(run_until(scene.runtime.main_loop, has_ended, &reading));
	ck_assert_ptr_nonnull(strstr(reading.text, "\"instances\": ["));
	close(reading.fd);
	stop();
}
END_TEST

START_TEST(a_line_ends_with_the_peers_data)
{
	start();
	ck_assert_ptr_nonnull(strstr(say("loops", 5, true).text, "\"workers\": ["));
	ck_assert_uint_eq(say("", 0, true).len, 0);
	stop();
}
END_TEST

START_TEST(a_line_that_is_too_long_is_cut)
{
	struct reading reading;
	char line[ADMIN_TRIAL_LINE + 50];

	start();
	memset(line, 'x', sizeof line);
	reading = say(line, sizeof line, false);
	line[383] = '\0'; /* that much of it is in the error */
	ck_assert_ptr_nonnull(strstr(reading.text, "unknown command xxx"));
	ck_assert_ptr_nonnull(strstr(reading.text, line));
	stop();
}
END_TEST

START_TEST(a_peer_that_leaves_early_harms_nothing)
{
	start();
	for (int i = 0; i < 20; i++) {
		int fd = scene_dial_admin(&scene);

		ck_assert_int_eq(write(fd, "status\n", 7), 7);
		close(fd);
	}
	ck_assert_ptr_nonnull(strstr(say("status\n", 7, false).text, "\"state\": \"serving\""));
	stop();
}
END_TEST

START_TEST(more_than_the_limit_wait)
{
	struct reading reading = { 0 };
	int idle[MAX_SESSIONS];

	start();
	for (int i = 0; i < MAX_SESSIONS; i++)
		idle[i] = scene_dial_admin(&scene);
	reading.fd = scene_dial_admin(&scene);
	ck_assert_int_eq(write(reading.fd, "plugins\n", 8), 8);
	run_for(scene.runtime.main_loop, 50);
	ck_assert(!has_ended(&reading));
	close(idle[0]);
	ck_assert(run_until(scene.runtime.main_loop, has_ended, &reading));
	ck_assert_ptr_nonnull(strstr(reading.text, "\"instances\": ["));
	for (int i = 1; i < MAX_SESSIONS; i++)
		close(idle[i]);
	close(reading.fd);
	stop();
}
END_TEST

START_TEST(a_stop_drops_everybody)
{
	struct reading reading = { 0 };

	start();
	reading.fd = scene_dial_admin(&scene);
	ck_assert_int_eq(write(reading.fd, "status\n", 7), 7);
	run_for(scene.runtime.main_loop, 1);
	stop();
	has_ended(&reading);
	ck_assert(reading.ended);
	close(reading.fd);
}
END_TEST

START_TEST(without_a_path_there_is_no_socket)
{
	struct err err;

	unsetenv("RUNTIME_DIRECTORY");
	scene_start(&scene, ", \"log\": { \"level\": \"error\" }");
	host = (struct admin_host){ .runtime = &scene.runtime };
	scene.runtime.config->settings.admin.socket = "";
	ck_assert(admin_start(scene.runtime.main_loop, &host, &admin, &err));
	ck_assert_ptr_null(admin);
	admin_stop(NULL);
	scene_stop(&scene);
}
END_TEST

START_TEST(a_path_that_cannot_be_is_an_error)
{
	struct err err = { "" };

	scene_start(&scene, ", \"log\": { \"level\": \"error\" }");
	host = (struct admin_host){ .runtime = &scene.runtime };
	scene.runtime.config->settings.admin.socket = "/nowhere/at/all";
	ck_assert(!admin_start(scene.runtime.main_loop, &host, &admin, &err));
	ck_assert_ptr_null(admin);
	ck_assert_str_eq(err.text, "cannot create the admin socket /nowhere/at/all: "
	                           "No such file or directory");
	scene_stop(&scene);
}
END_TEST

/* Nobody hears of it but those who connect. */
START_TEST(a_socket_that_was_deleted_is_made_again)
{
	struct reading reading;
	struct stat before, after;

	start();
	ck_assert_int_eq(lstat(scene.admin_path, &before), 0);
	admin_restore(admin); /* it is there */
	ck_assert_int_eq(lstat(scene.admin_path, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert_int_eq(unlink(scene.admin_path), 0);
	admin_restore(admin);
	reading = say("log-level warn\n", 15, false);
	ck_assert_ptr_nonnull(strstr(reading.text, "\"is\""));
	admin_restore(NULL);
	stop();
}
END_TEST

/* The old one goes on, for the next try. */
START_TEST(a_socket_that_cannot_be_made_again_does_no_harm)
{
	char moved[128];
	struct stat st;

	start();
	snprintf(moved, sizeof moved, "%s.moved", scene.admin_path);
	ck_assert_int_eq(rename(scene.admin_path, moved), 0);
	ck_assert_int_eq(mkdir(scene.admin_path, 0700), 0);
	admin_restore(admin);
	ck_assert_int_eq(rmdir(scene.admin_path), 0);
	ck_assert_int_eq(rename(moved, scene.admin_path), 0);
	ck_assert_int_eq(lstat(scene.admin_path, &st), 0);
	ck_assert_ptr_nonnull(strstr(say("log-level error\n", 16, false).text, "\"is\""));
	stop();
}
END_TEST

SUITE("admin", a_socket_that_was_deleted_is_made_again,
      a_socket_that_cannot_be_made_again_does_no_harm, a_line_is_answered_and_closed,
      a_line_may_come_in_pieces, a_line_ends_with_the_peers_data, a_line_that_is_too_long_is_cut,
      a_peer_that_leaves_early_harms_nothing, more_than_the_limit_wait, a_stop_drops_everybody,
      without_a_path_there_is_no_socket, a_path_that_cannot_be_is_an_error)
