#include "admin/admin_command.h"

#include "scene/admin_scene.h"

static struct admin_scene scene;

static void expect_error(const char *line, const char *text)
{
	char expected[300];

	snprintf(expected, sizeof expected, "{\n  \"error\": \"%s\"\n}\n", text);
	ck_assert_str_eq(admin_scene_ask(&scene, line), expected);
}

START_TEST(every_command_answers_once)
{
	static const char *const lines[] = { "status", "tunnels", "relays",
		                             "loops",  "plugins", "log-level error",
		                             "reload", "bans",    "drain" };

	admin_scene_start(&scene, "");
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		admin_scene_expect_not(admin_scene_ask(&scene, lines[i]), "\"error\":");
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(words_are_separated_by_blanks)
{
	admin_scene_start(&scene, "");
	admin_scene_expect(admin_scene_ask(&scene, " \tlog-level\t warn \r"), "\"is\": \"warn\"");
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(a_wrong_line_is_refused)
{
	admin_scene_start(&scene, "");
	expect_error("hand-over", "the server does not drain");
	expect_error("", "unknown command \\\"\\\"");
	expect_error("STATUS", "unknown command STATUS");
	expect_error("stat", "unknown command stat");
	expect_error("kick", "missing argument: TARGET");
	expect_error("log-level", "missing argument: LEVEL");
	expect_error("unban", "missing argument: ADDRESS");
	expect_error("bans now", "unexpected argument now");
	expect_error("status now", "unexpected argument now");
	expect_error("kick 1 2", "unexpected argument 2");
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(a_kick_has_a_target)
{
	static const char *const wrong[] = {
		"0",      "-1",         "x",     "1x",       "99999999999999999999999",
		"port=0", "port=65536", "port=", "identity="
	};

	admin_scene_start(&scene, "");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char line[64], text[160];

		snprintf(line, sizeof line, "kick %s", wrong[i]);
		snprintf(text, sizeof text,
		         "expected an id as shown by `spore ctl tunnels`, port=PORT or "
		         "identity=NAME, found %s",
		         wrong[i]);
		expect_error(line, text);
	}
	admin_scene_expect(admin_scene_ask(&scene, "kick 9223372036854775807"),
	                   "no tunnel or visitor has the id 9223372036854775807");
	admin_scene_expect(admin_scene_ask(&scene, "kick port=1"),
	                   "no tunnel or visitor has port=1");
	admin_scene_expect(admin_scene_ask(&scene, "kick  identity=CN=a b \t"),
	                   "no tunnel or visitor has identity=CN=a b\"");
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(a_forgotten_command_does_not_answer)
{
	char line[] = "status";

	admin_scene_start(&scene, "");
	admin_command_start(&scene.command, &scene.host, line, admin_scene_on_answer);
	ck_assert_uint_eq(scene.n_answers, 0);
	admin_command_forget(&scene.command);
	admin_command_forget(&scene.command);
	run_for(scene.process.runtime.main_loop, 50);
	ck_assert_uint_eq(scene.n_answers, 0);
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(a_zeroed_command_may_be_forgotten)
{
	struct admin_command command = { 0 };

	admin_command_forget(&command);
	ck_assert_ptr_null(command.survey);
}
END_TEST

/* The answer is wrong, so no instance accepts it. */
START_TEST(the_auth_chain_can_be_asked)
{
	admin_scene_start(&scene, ", \"auth\": [{\"use\": \"hmac\", \"secret\": \"x\"}]");
	admin_scene_expect(admin_scene_ask(&scene, "auth-challenge secure"), "\"challenge\": \"");
	admin_scene_expect(admin_scene_ask(&scene, "auth-challenge"), "\"error\": \"expected");
	admin_scene_expect(admin_scene_ask(&scene, "auth-test secure 192.0.2.1:7 0 - 6162"),
	                   "\"verdict\": \"deny\"");
	admin_scene_expect_not(admin_scene_ask(&scene, "auth-test secure 6162"), "6162");
	admin_scene_expect(scene.answer, "\"error\": \"expected");
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(a_question_to_the_chain_can_be_forgotten)
{
	char line[] = "auth-test insecure 192.0.2.1:7 0 - 6162";

	admin_scene_start(&scene, ", \"auth\": [{\"use\": \"hmac\", \"secret\": \"x\"}]");
	admin_command_start(&scene.command, &scene.host, line, admin_scene_on_answer);
	admin_command_forget(&scene.command);
	run_for(scene.process.runtime.main_loop, 20);
	ck_assert_uint_eq(scene.n_answers, 0);
	admin_scene_stop(&scene);
}
END_TEST

SUITE("admin_command", every_command_answers_once, words_are_separated_by_blanks,
      a_wrong_line_is_refused, a_kick_has_a_target, a_forgotten_command_does_not_answer,
      a_zeroed_command_may_be_forgotten, the_auth_chain_can_be_asked,
      a_question_to_the_chain_can_be_forgotten)
