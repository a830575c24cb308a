#include "commands/serve_local.h"

#include "arguments/exit_status.h"
#include "scene/serve_scene.h"
#include "suite.h"

static struct serve_scene scene;

START_TEST(a_check_connects_nowhere)
{
	serve_scene_open(
		&scene, "\"client\": {\"to\": \"127.0.0.1\"}, \"tunnels\": [{\"local_port\": 80}]");
	ck_assert_int_eq(
		serve_scene_run(&scene, serve_local, (char *[]){ "-c", scene.config, "-t", NULL }),
		EXIT_GOOD);
	ck_assert_contains(capture_out(&scene.capture), ": the configuration is good\n");
	ck_assert_str_eq(capture_err(&scene.capture), "");
	serve_scene_close(&scene);
}
END_TEST

START_TEST(no_server_is_a_failure)
{
	serve_scene_open(&scene, "\"client\": {\"workers\": 1}");
	serve_scene_begin(&scene, serve_local,
	                  (char *[]){ "-c", scene.config, "80", "--to", "127.0.0.1",
	                              "--control-port", "1", NULL });
	ck_assert_int_eq(serve_scene_end(&scene, 0), EXIT_FAILED);
	serve_scene_close(&scene);
}
END_TEST

START_TEST(with_retry_it_runs_until_it_is_told_to_end)
{
	serve_scene_open(&scene, "\"client\": {\"workers\": 1}");
	serve_scene_begin(&scene, serve_local,
	                  (char *[]){ "-c", scene.config, "80", "--to", "127.0.0.1",
	                              "--control-port", "1", "--retry", NULL });
	serve_scene_wait(&scene, "Connection refused");
	ck_assert_int_eq(waitpid(scene.child, NULL, WNOHANG), 0);
	ck_assert_int_eq(serve_scene_end(&scene, SIGTERM), EXIT_GOOD);
	serve_scene_close(&scene);
}
END_TEST

SUITE("serve_local", a_check_connects_nowhere, no_server_is_a_failure,
      with_retry_it_runs_until_it_is_told_to_end)
