#include "commands/serve_server.h"

#include "arguments/exit_status.h"
#include "scene/serve_scene.h"
#include "sockets.h"
#include "suite.h"

static struct serve_scene scene;
static char port[16];

/* A port that nothing listened at a moment ago. */
static char *free_port(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof addr;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
	close(fd);
	snprintf(port, sizeof port, "%u", ntohs(addr.sin_port));
	return port;
}

START_TEST(a_check_binds_nothing)
{
	serve_scene_open(&scene, "");
	ck_assert_int_eq(serve_scene_run(&scene, serve_server,
	                                 (char *[]){ "--config", scene.config, "--check", NULL }),
	                 EXIT_GOOD);
	ck_assert_contains(capture_out(&scene.capture), ": the configuration is good\n");
	ck_assert_lacks(capture_err(&scene.capture), "server listening");
	serve_scene_close(&scene);
}
END_TEST

START_TEST(it_runs_until_it_is_told_to_end)
{
	serve_scene_open(&scene, "\"server\": {\"bind_addr\": \"127.0.0.1\", \"workers\": 1}");
	serve_scene_begin(
		&scene, serve_server,
		(char *[]){ "--config", scene.config, "--control-port", free_port(), NULL });
	serve_scene_wait(&scene, "server listening");
	ck_assert_int_eq(waitpid(scene.child, NULL, WNOHANG), 0);
	ck_assert_int_eq(serve_scene_end(&scene, SIGTERM), EXIT_GOOD);
	serve_scene_close(&scene);
}
END_TEST

START_TEST(a_port_that_is_taken_is_a_failure)
{
	struct serve_scene other = { .child = 0 };

	serve_scene_open(&scene, "\"server\": {\"bind_addr\": \"127.0.0.1\", \"workers\": 1}");
	serve_scene_begin(
		&scene, serve_server,
		(char *[]){ "--config", scene.config, "--control-port", free_port(), NULL });
	serve_scene_wait(&scene, "server listening");
	serve_scene_begin(&other, serve_server,
	                  (char *[]){ "--config", scene.config, "--control-port", port, NULL });
	serve_scene_wait(&other, "error: ");
	ck_assert_int_eq(serve_scene_end(&other, 0), EXIT_FAILED);
	ck_assert_int_eq(serve_scene_end(&scene, SIGINT), EXIT_GOOD);
	serve_scene_close(&scene);
}
END_TEST

SUITE("serve_server", a_check_binds_nothing, it_runs_until_it_is_told_to_end,
      a_port_that_is_taken_is_a_failure)
