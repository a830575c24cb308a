#include "rehearsal/auth_test.h"

#include "arguments/exit_status.h"
#include "scene/serve_scene.h"
#include "suite.h"

static struct serve_scene scene;

static int run(char **argv)
{
	return serve_scene_run(&scene, auth_test_run, argv);
}

static void refuse(const char *error, char **argv)
{
	ck_assert_int_eq(run(argv), EXIT_USAGE);
	ck_assert_contains(capture_err(&scene.capture), error);
}

START_TEST(wrong_command_lines)
{
	refuse("expected either --config FILE or --socket PATH\n",
	       (char *[]){ "test", "--secret-file", "x", NULL });
	refuse("--config FILE or --socket PATH, found both\n",
	       (char *[]){ "test", "-c", "x", "--socket", "y", "--secret-file", "x", NULL });
	refuse("--kind: expected hmac, password or pubkey, found \"x\"\n",
	       (char *[]){ "test", "-c", "x", "--kind", "x", "--secret-file", "x", NULL });
	refuse("--name: expected none, since the key says who the client is with --kind pubkey\n",
	       (char *[]){ "test", "-c", "x", "--kind", "pubkey", "--name", "a", "--secret-file",
	                   "x", NULL });
	refuse("expected --client without --name",
	       (char *[]){ "test", "-c", "x", "--client", "x", "--name", "a", NULL });
	refuse("--peer: expected an IP address, found \"x\"\n",
	       (char *[]){ "test", "-c", "x", "--client", "x", "--peer", "x", NULL });
	refuse("--port: expected 0 to 65535, found \"65536\"\n",
	       (char *[]){ "test", "-c", "x", "--client", "x", "--port", "65536", NULL });
}
END_TEST

START_TEST(the_help_tells_the_exit_status)
{
	ck_assert_int_eq(run((char *[]){ "--help", NULL }), EXIT_GOOD);
	ck_assert_contains(capture_out(&scene.capture), "3 if it would be refused");
}
END_TEST

START_TEST(a_client_is_allowed)
{
	struct serve_scene client;

	serve_scene_open(&client,
	                 "\"client\": {\"to\": \"h\"}, \"tunnels\": [{\"local_port\": 1}], "
	                 "\"auth\": [{\"use\": \"hmac\", \"secret\": \"x\"}]");
	serve_scene_open(&scene, "\"auth\": [{\"use\": \"multi_secret\", "
	                         "\"secrets\": {\"alice\": \"x\"}}]");
	ck_assert_int_eq(
		run((char *[]){ "test", "-c", scene.config, "--client", client.config, NULL }),
		EXIT_GOOD);
	ck_assert_contains(capture_out(&scene.capture), "\nallowed by multi_secret\n");
	ck_assert_contains(capture_out(&scene.capture), "  identity  alice\n");
	serve_scene_close(&scene);
	serve_scene_close(&client);
}
END_TEST

SUITE("auth_test", wrong_command_lines, the_help_tells_the_exit_status, a_client_is_allowed)
