#include "commands/reference.h"

#include "arguments/exit_status.h"
#include "capture.h"
#include "suite.h"

static struct capture capture;

static int run(char **argv)
{
	int n = 0, status;

	while (argv[n])
		n++;
	capture_begin(&capture);
	status = reference_run(n, argv);
	capture_end(&capture);
	return status;
}

START_TEST(every_part_by_itself)
{
	static const struct {
		char *part;
		const char *has, *lacks;
	} cases[] = {
		{ "flags", "`--min-port PORT`", "server.min_port" },
		{ "keys", "`server.min_port`", "The transport plugin" },
		{ "plugins", "### The transport plugin `plain`", "`server.min_port`" },
		{ "types", "| `duration` |", "`server.min_port`" },
		{ "metrics", "| `spore_tunnels` |", "`server.min_port`" },
		{ "reasons", "| `wrong_secret` | `control` | no |", "`revoked`" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_int_eq(run((char *[]){ "--part", cases[i].part, "--plugin-path",
		                                 PLUGIN_DIR, NULL }),
		                 EXIT_GOOD);
		ck_assert_contains(capture_out(&capture), cases[i].has);
		ck_assert_lacks(capture_out(&capture), cases[i].lacks);
		ck_assert_str_eq(capture_err(&capture), "");
	}
}
END_TEST

START_TEST(one_plugin)
{
	ck_assert_int_eq(run((char *[]){ "--plugin=auth_hmac", "--plugin-path", PLUGIN_DIR, NULL }),
	                 EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "### The auth plugin `hmac`");
	ck_assert_lacks(capture_out(&capture), "`cidr`");
	ck_assert_lacks(capture_out(&capture), "`server.min_port`");
	ck_assert_int_eq(run((char *[]){ "--plugin=hmac", "--plugin-path", PLUGIN_DIR, NULL }),
	                 EXIT_FAILED);
	ck_assert_str_eq(capture_err(&capture),
	                 "error: found no plugin \"hmac\": did you mean \"auth_hmac\"?\n");
	ck_assert_int_eq(run((char *[]){ "--plugin", "a\033b", NULL }), EXIT_FAILED);
	ck_assert_str_eq(capture_out(&capture), "");
	ck_assert_str_eq(capture_err(&capture), "error: found no plugin \"a\\x1bb\"\n");
}
END_TEST

START_TEST(one_role)
{
	ck_assert_int_eq(run((char *[]){ "--part=flags", "--role=local", NULL }), EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "`-l, --local-host HOST`");
	ck_assert_lacks(capture_out(&capture), "`--min-port PORT`");
}
END_TEST

START_TEST(every_format)
{
	ck_assert_int_eq(run((char *[]){ "--format", "scdoc", "--part", "types", NULL }),
	                 EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "*duration*\n\t");
	ck_assert_int_eq(run((char *[]){ "--format", "schema", NULL }), EXIT_GOOD);
	ck_assert_contains(capture_out(&capture),
	                   "\"$schema\": \"http://json-schema.org/draft-07/schema#\"");
}
END_TEST

START_TEST(failures_and_wrong_command_lines)
{
	ck_assert_int_eq(run((char *[]){ "--plugin-path", "/nowhere", NULL }), EXIT_FAILED);
	ck_assert_str_eq(capture_out(&capture), "");
	ck_assert_str_eq(capture_err(&capture),
	                 "error: cannot read the folder /nowhere: No such file or directory\n");
	ck_assert_int_eq(run((char *[]){ "--format", "roff", NULL }), EXIT_USAGE);
	ck_assert_str_eq(capture_err(&capture),
	                 "error: --format: expected markdown, scdoc or schema, found \"roff\"\n"
	                 "try: spore reference --help\n");
	ck_assert_int_eq(run((char *[]){ "--help", NULL }), EXIT_GOOD);
}
END_TEST

SUITE("reference", every_part_by_itself, one_plugin, one_role, every_format,
      failures_and_wrong_command_lines)
