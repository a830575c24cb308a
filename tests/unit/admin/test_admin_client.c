#include "admin/admin_client.h"

#include "admin/admin_answer.h"
#include "admin/admin_command.h"
#include "capture.h"
#include "client/client.h"
#include "client/roll.h"
#include "process/drain.h"
#include "reload/reload.h"
#include "run_until.h"
#include "scene/client_scene.h"
#include "suite.h"

struct scene {
	struct client_scene base;
	struct drain drain;
	struct reload reload; /* none has been made */
	struct client *client;
	struct admin_host host;
	struct admin_command command;
	char *answer; /* owned */
	bool answered;
	int control;
};

static struct scene scene;

static void on_news(const char *status, void *arg)
{
	(void)status;
	(void)arg;
}

static void on_exit_status(enum client_exit status, bool carries, void *arg)
{
	(void)status;
	(void)carries;
	(void)arg;
}

static void begin_drain(void *arg)
{
	(void)arg;
}

static unsigned count_visitors(void *arg)
{
	(void)arg;
	return client_visitors(scene.client);
}

static void on_answer(struct admin_command *command, char *text, size_t len)
{
	ck_assert_ptr_eq(command, &scene.command);
	ck_assert_uint_eq(strlen(text), len);
	free(scene.answer);
	scene.answer = text;
	scene.answered = true;
}

static const char *ask(const char *line)
{
	char copy[64];

	snprintf(copy, sizeof copy, "%s", line);
	scene.answered = false;
	admin_command_start(&scene.command, &scene.host, copy, on_answer);
	ck_assert(run_until(scene.base.runtime.main_loop, run_until_is_set, &scene.answered));
	return scene.answer;
}

static void open_scene(void)
{
	const struct runtime *runtime = &scene.base.runtime;
	struct client_env env = { .on_news = on_news, .on_exit = on_exit_status };

	scene = (struct scene){ .client = NULL };
	client_scene_start(&scene.base, &(struct client_scene_options){ .n_workers = 2 });
	env.set = runtime->plugins.set;
	env.metrics = runtime->metrics;
	env.resolver = runtime->resolver;
	env.main_loop = runtime->main_loop;
	env.loops = runtime->loops;
	env.n_workers = runtime->n_workers;
	scene.client = client_start(&env);
	ck_assert_ptr_nonnull(scene.client);
	drain_init(&scene.drain, runtime->main_loop, 5000, begin_drain, count_visitors, NULL);
	scene.host = (struct admin_host){ .runtime = &scene.base.runtime,
		                          .drain = &scene.drain,
		                          .reload = &scene.reload,
		                          .client = scene.client };
	scene.control = client_scene_accept(scene.base.server);
	client_scene_expect(scene.control, "{\"Hello\":0}");
}

static void close_scene(void)
{
	drain_fini(&scene.drain);
	client_stop(scene.client);
	client_scene_stop(&scene.base);
	close(scene.control);
	free(scene.answer);
}

static void ask_until(const char *line, const char *part)
{
	int64_t deadline_ms = clock_ms() + CLIENT_SCENE_MS;

	while (!strstr(ask(line), part))
		ck_assert_msg(clock_ms() < deadline_ms, "no %s in %s", part, scene.answer);
}

START_TEST(status_tells_where_the_client_is)
{
	char server[64];

	open_scene();
	snprintf(server, sizeof server, "\"server\": \"127.0.0.1:%u\"",
	         scene.base.server_addr.port);
	ask("status");
	ck_assert_contains(scene.answer, "\"role\": \"client\"");
	ck_assert_contains(scene.answer, "\"server\": null");
	ck_assert_contains(scene.answer, "\"state\": \"connecting\"");
	client_scene_send(scene.control, "{\"Hello\":1234}");
	ask_until("status", server);
	ck_assert_contains(scene.answer, "\"public\": \"127.0.0.1:1234\"");
	ck_assert_contains(scene.answer, "\"state\": \"open\"");
	ck_assert_contains(scene.answer, "\"last_error\": null");
	close_scene();
}
END_TEST

START_TEST(tunnels_count_their_visitors_and_bytes)
{
	int ends[2];

	open_scene();
	client_scene_send(scene.control, "{\"Hello\":1234}");
	client_scene_expect_start(scene.control, "{\"Extend\":");
	client_scene_send(scene.control, "{\"Connection\":\"" CLIENT_SCENE_UUID "\"}");
	ends[0] = client_scene_accept(scene.base.server);
	client_scene_expect(ends[0], "{\"Accept\":\"" CLIENT_SCENE_UUID "\"}");
	ends[1] = client_scene_accept(scene.base.service);
	ask_until("tunnels", "\"visitors\": 1");
	ck_assert_int_eq(send(ends[0], "hello", 5, 0), 5);
	ck_assert_int_eq(recv(ends[1], (char[5]){ 0 }, 5, MSG_WAITALL), 5);
	close(ends[0]);
	close(ends[1]);
	ask_until("tunnels", "\"visitors\": 0");
	ck_assert_contains(scene.answer, "\"visitors_all\": 1");
	ck_assert_contains(scene.answer, "\"bytes_up\": 5");
	close_scene();
}
END_TEST

START_TEST(a_loss_is_told)
{
	open_scene();
	close(scene.control);
	ask_until("tunnels", "\"last_error\": {");
	ck_assert_contains(scene.answer, "before the server's Hello");
	scene.control = client_scene_accept(scene.base.server);
	close_scene();
}
END_TEST

START_TEST(what_only_a_server_has_is_refused)
{
	static const char *const lines[] = { "relays", "loops",           "kick 1",
		                             "bans",   "unban 192.0.2.1", "auth-challenge secure" };

	open_scene();
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		ck_assert_contains(ask(lines[i]), "this is a client: only a server has");
	ck_assert_contains(ask("log-level error"), "\"is\": \"error\"");
	ck_assert_contains(ask("plugins"), "\"instances\": [");
	ck_assert_contains(ask("hand-over"), "the client does not drain");
	ck_assert_contains(ask("nonsense"), "unknown command nonsense");
	close_scene();
}
END_TEST

/* The answer about the rows; to be freed. */
static char *write_rows(const struct roll_row *rows, size_t n)
{
	struct roll *roll = calloc(1, sizeof *roll + n * sizeof *rows);
	struct admin_answer answer;

	ck_assert_ptr_nonnull(roll);
	roll->n = n;
	memcpy(roll->rows, rows, n * sizeof *rows);
	admin_answer_begin(&answer);
	admin_client_opening_write(roll, &answer.json);
	free(roll);
	return admin_answer_end(&answer);
}

static void expect(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no %s in %s", part, text);
}

START_TEST(what_is_not_open_is_listed)
{
	static const struct roll_row rows[] = {
		{ .name = "web", .state = "open", .at = SESSION_STANDING },
		{ .name = "old", .state = "moving", .at = SESSION_PARTING },
		{ .name = "taken",
		  .state = "waiting to try again",
		  .at = SESSION_PAUSED,
		  .lost_why = "port already in use" },
		{ .name = "late", .state = "connecting", .at = SESSION_CONNECTING },
		{ .name = "down",
		  .state = "closed: its service is down",
		  .at = SESSION_HELD,
		  .is_down = true,
		  .service_why = "connection refused" },
	};
	char *text = write_rows(rows, sizeof rows / sizeof *rows);

	expect(text, "\"tunnels_open\": 2");
	expect(text, "\"error\": \"port already in use\"");
	expect(text, "\"error\": null");
	expect(text, "\"error\": \"connection refused\"");
	ck_assert_ptr_null(strstr(text, "\"web\""));
	free(text);
}
END_TEST

SUITE("admin_client", what_is_not_open_is_listed, status_tells_where_the_client_is,
      tunnels_count_their_visitors_and_bytes, a_loss_is_told, what_only_a_server_has_is_refused)
