#include "commands/plugin.h"

#include "arguments/exit_status.h"
#include "capture.h"
#include "plugin_file.h"
#include "suite.h"

#define PLAIN PLUGIN_DIR "/transport_plain.so"

static struct capture capture;

static int run(char **argv)
{
	int n = 0, status;

	while (argv[n])
		n++;
	capture_begin(&capture);
	status = plugin_run(n, argv);
	capture_end(&capture);
	return status;
}

START_TEST(a_list_has_the_folders_that_are_named)
{
	ck_assert_int_eq(run((char *[]){ "list", "--plugin-path", PLUGIN_DIR, NULL }), EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "transport plain");
	ck_assert_contains(capture_out(&capture), PLAIN);
	ck_assert_str_eq(capture_err(&capture), "");
	ck_assert_int_eq(
		run((char *[]){ "list", "--no-load", "--json", "--plugin-path=" PLUGIN_DIR, NULL }),
		EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "\"state\": \"not loaded\"");
	ck_assert_lacks(capture_out(&capture), "\"loaded\"");
	ck_assert_int_eq(run((char *[]){ "list", "--plugin-path", "/nowhere", NULL }), EXIT_FAILED);
}
END_TEST

START_TEST(info_fails_for_a_plugin_that_would_be_refused)
{
	struct plugin_file file = plugin_file_read(PLAIN);
	char folder[64], path[96];

	ck_assert_int_eq(run((char *[]){ "info", PLAIN, NULL }), EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "state     loaded\n");
	plugin_file_folder(folder);
	snprintf(path, sizeof path, "%s/p.so", folder);
	file.size = 3;
	plugin_file_write(&file, path);
	ck_assert_int_eq(run((char *[]){ "info", "--json", path, NULL }), EXIT_FAILED);
	ck_assert_contains(capture_out(&capture), "\"state\": \"refused\"");
	unlink(path);
	rmdir(folder);
	free(file.bytes);
}
END_TEST

START_TEST(a_configuration_brings_pins_and_mistakes)
{
	char folder[64], path[96];
	FILE *out;

	plugin_file_folder(folder);
	snprintf(path, sizeof path, "%s/c.json", folder);
	out = fopen(path, "w");
	fprintf(out, "{\"plugins\": {\"pin\": {\"transport_plain.so\": \"sha256:%064d\"}}}", 0);
	fclose(out);
	ck_assert_int_eq(run((char *[]){ "info", "-c", path, PLAIN, NULL }), EXIT_FAILED);
	ck_assert_contains(capture_out(&capture), "state    refused\nrefusal  plugin ");
	out = fopen(path, "w");
	fputs("{\"plugins\": {\"pin\": {\"transport_plain.so\": \"md5:1\"}}}", out);
	fclose(out);
	setenv("SPORE_CONFIG", path, 1);
	ck_assert_int_eq(run((char *[]){ "list", NULL }), EXIT_FAILED);
	ck_assert_str_eq(capture_out(&capture), "");
	ck_assert_contains(capture_err(&capture),
	                   "expected \"sha256:\" and 64 hex digits, found \"md5:1\"");
	unlink(path);
	rmdir(folder);
}
END_TEST

START_TEST(wrong_command_lines)
{
	ck_assert_int_eq(run((char *[]){ NULL }), EXIT_USAGE);
	ck_assert_contains(capture_err(&capture), "error: expected a command: list or info\n");
	ck_assert_int_eq(run((char *[]){ "info", "a", "--plugin-path", "/x", NULL }), EXIT_USAGE);
	ck_assert_contains(capture_err(&capture),
	                   "error: --plugin-path is a flag of `spore plugin list`\n");
}
END_TEST

SUITE("plugin", a_list_has_the_folders_that_are_named,
      info_fails_for_a_plugin_that_would_be_refused, a_configuration_brings_pins_and_mistakes,
      wrong_command_lines)
