#include "commands/serve.h"

#include "arguments/exit_status.h"
#include "config/config.h"
#include "config/shorthands.h"
#include "log/log.h"
#include "process/runtime.h"
#include "scene/serve_scene.h"
#include "suite.h"

static struct serve_scene scene;
static int status;

/* serve_load alone, with what it prints. */
static struct config *load(unsigned role, struct diag *diag, char **argv)
{
	struct config *config;
	int n = 0;

	while (argv[n])
		n++;
	status = -1;
	capture_begin(&scene.capture);
	config = serve_load(role, n, argv, diag, &status);
	capture_end(&scene.capture);
	return config;
}

START_TEST(help_and_wrong_command_lines_load_nothing)
{
	struct diag diag = { 0 };

	ck_assert_ptr_null(load(ROLE_SERVER, &diag, (char *[]){ "--help", NULL }));
	ck_assert_int_eq(status, EXIT_GOOD);
	ck_assert_contains(capture_out(&scene.capture), "Usage: spore server [FLAGS]\n");
	ck_assert_ptr_null(load(ROLE_LOCAL, &diag, (char *[]){ "--bogus", NULL }));
	ck_assert_int_eq(status, EXIT_USAGE);
	ck_assert_str_eq(capture_err(&scene.capture),
	                 "error: unknown flag --bogus\ntry: spore local --help\n");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_a_failure)
{
	struct diag diag = { 0 };

	ck_assert_ptr_null(
		load(ROLE_SERVER, &diag, (char *[]){ "--config", "/nowhere/c.json", NULL }));
	ck_assert_int_eq(status, EXIT_FAILED);
	ck_assert_str_eq(
		capture_err(&scene.capture),
		"--config: error: cannot open /nowhere/c.json: No such file or directory\n");
}
END_TEST

/* What is said of a wrong command line starts with an object or not. */
static void check_format(bool is_json, char **argv)
{
	struct diag diag = { 0 };

	ck_assert_ptr_null(load(ROLE_SERVER, &diag, argv));
	ck_assert_int_eq(status, EXIT_USAGE);
	ck_assert_msg((*capture_err(&scene.capture) == '{') == is_json, "%s",
	              capture_err(&scene.capture));
}

START_TEST(the_format_is_known_before_the_command_line_is_read)
{
	check_format(false, (char *[]){ "--bogus", NULL });
	check_format(true, (char *[]){ "--bogus", "--log-format", "json", NULL });
	check_format(true, (char *[]){ "--log-format=json", "--bogus", NULL });
	check_format(false, (char *[]){ "--bogus", "--log-format=text", NULL });
	check_format(false, (char *[]){ "--bogus", "--log-format", NULL });
	setenv("SPORE_LOG_FORMAT", "json", 1);
	check_format(true, (char *[]){ "--bogus", NULL });
	check_format(false, (char *[]){ "--bogus", "--log-format", "text", NULL });
}
END_TEST

START_TEST(the_format_of_the_file_counts_too)
{
	struct diag diag = { 0 };
	struct config *config;

	serve_scene_open(&scene, "\"server\": {\"min_port\": 0}, \"log\": {\"format\": \"json\"}");
	config = load(ROLE_SERVER, &diag, (char *[]){ "-c", scene.config, NULL });
	ck_assert_ptr_nonnull(config);
	ck_assert_int_eq(log_get_format(), LOG_FORMAT_JSON);
	diag_fini(&diag);
	config_unref(config);
	serve_scene_close(&scene);
}
END_TEST

/* Starts and ends a runtime as the subcommands do. Returns what serve_end says. */
static int start_and_end(struct config *config, struct diag *diag, bool *started_out)
{
	struct runtime_terms terms = { .workers = 1 };
	struct runtime runtime;
	int end = EXIT_FAILED;

	capture_begin(&scene.capture);
	*started_out = runtime_start(&runtime, config, &terms, NULL, NULL, diag);
	if (*started_out)
		end = serve_check(&runtime);
	end = serve_end(&runtime, config, diag, end);
	capture_end(&scene.capture);
	return end;
}

START_TEST(a_good_configuration_is_checked_or_shown)
{
	struct diag diag = { 0 };
	struct config *config;
	bool started;

	serve_scene_open(&scene, "\"server\": {\"min_port\": 2000}");
	config = load(ROLE_SERVER, &diag, (char *[]){ "-c", scene.config, "--check", NULL });
	ck_assert_ptr_nonnull(config);
	ck_assert_int_eq(start_and_end(config, &diag, &started), EXIT_GOOD);
	ck_assert(started);
	ck_assert_contains(capture_out(&scene.capture), "c.json: the configuration is good\n");

	config = load(ROLE_SERVER, &diag, (char *[]){ "-c", scene.config, "--print-config", NULL });
	ck_assert_int_eq(start_and_end(config, &diag, &started), EXIT_GOOD);
	ck_assert_contains(capture_out(&scene.capture), "min_port");
	ck_assert_contains(capture_out(&scene.capture), "2000");
	serve_scene_close(&scene);
}
END_TEST

/* The plugins are checked as well, so all mistakes are printed at the end. */
START_TEST(mistakes_are_printed_at_the_end)
{
	struct diag diag = { 0 };
	struct config *config;
	bool started;

	serve_scene_open(&scene,
	                 "\"server\": {\"min_port\": 0}, \"auth\": [{\"use\": \"nonsense\"}]");
	config = load(ROLE_SERVER, &diag, (char *[]){ "-c", scene.config, NULL });
	ck_assert_ptr_nonnull(config);
	ck_assert_str_eq(capture_err(&scene.capture), "");
	ck_assert_int_eq(start_and_end(config, &diag, &started), EXIT_FAILED);
	ck_assert(!started);
	ck_assert_contains(capture_err(&scene.capture),
	                   "error: /server/min_port: expected a port from 1 to 65535, found 0\n");
	ck_assert_contains(capture_err(&scene.capture),
	                   "error: /auth/0/use: unknown auth plugin \"nonsense\"");
	ck_assert_lacks(capture_err(&scene.capture), "try: ");
	serve_scene_close(&scene);
}
END_TEST

START_TEST(mistakes_in_flags_alone_are_a_wrong_command_line)
{
	struct diag diag = { 0 };
	struct config *config;
	bool started;

	serve_scene_open(&scene, "");
	config = load(ROLE_SERVER, &diag,
	              (char *[]){ "-c", scene.config, "--min-port", "x", NULL });
	ck_assert_ptr_nonnull(config);
	ck_assert_int_eq(start_and_end(config, &diag, &started), EXIT_USAGE);
	ck_assert_contains(capture_err(&scene.capture),
	                   "--min-port: error: expected a port from 1 to 65535, found \"x\"\n");
	ck_assert_contains(capture_err(&scene.capture), "try: spore server --help\n");
	serve_scene_close(&scene);
}
END_TEST

SUITE("serve", help_and_wrong_command_lines_load_nothing,
      the_format_is_known_before_the_command_line_is_read, the_format_of_the_file_counts_too,
      a_file_that_cannot_be_read_is_a_failure, a_good_configuration_is_checked_or_shown,
      mistakes_are_printed_at_the_end, mistakes_in_flags_alone_are_a_wrong_command_line)
