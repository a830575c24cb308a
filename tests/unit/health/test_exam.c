#include "health/exam.h"

#include <poll.h>

#include "few_descriptors.h"
#include "net/addr.h"
#include "scene/host_scene.h"
#include "sockets.h"
#include "suite.h"

struct scene {
	struct host_scene host;
	struct plugin_set *set;
	spore_addr addr;
	int listener;
	struct exam_spec spec;
	struct exam *exam;
	atomic_uint n_done;
	enum exam_result result;
	char why[200];
};

static void open_scene(struct scene *scene, const char *checker)
{
	*scene = (struct scene){ .set = NULL };
	host_scene_open(&scene->host);
	scene->set = host_scene_start(
		&scene->host, ROLE_LOCAL,
		"{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local\":\"web:80\"}],"
		"\"checks\":[{\"use\":\"http\"}]}");
	scene->listener = sockets_listen(&scene->addr, 16);
	scene->spec = (struct exam_spec){
		.loop = scene->host.loops[0],
		.resolver = scene->host.services.resolver,
		.set = scene->set,
		.checker = checker,
		.target = { .host = "127.0.0.1", .port = scene->addr.port, .timeout_ms = 10000 },
	};
}

static void close_scene(struct scene *scene)
{
	if (scene->listener >= 0)
		close(scene->listener);
	plugin_set_unref(scene->set);
	host_scene_close(&scene->host);
}

static void on_done(enum exam_result result, const char *why, void *arg)
{
	struct scene *scene = arg;

	scene->result = result;
	snprintf(scene->why, sizeof scene->why, "%s", why);
	atomic_fetch_add(&scene->n_done, 1);
}

static void run_start(void *arg)
{
	struct scene *scene = arg;

	scene->exam = exam_start(&scene->spec, on_done, scene);
	ck_assert_ptr_nonnull(scene->exam);
	ck_assert_uint_eq(atomic_load(&scene->n_done), 0); /* never from within */
}

static void run_stop(void *arg)
{
	exam_stop(((struct scene *)arg)->exam);
}

static bool is_done(void *arg)
{
	return atomic_load(&((struct scene *)arg)->n_done) > 0;
}

static void begin(struct scene *scene)
{
	atomic_store(&scene->n_done, 0);
	host_scene_call(&scene->host, run_start, scene);
}

static void expect(struct scene *scene, enum exam_result result, const char *why)
{
	ck_assert(host_scene_wait(is_done, scene));
	ck_assert_msg(scene->result == result && strcmp(scene->why, why) == 0, "%d, %s",
	              scene->result, scene->why);
}

/* The service's end of the exam, which has sent its request. */
static int take_request(const struct scene *scene)
{
	char request[1024] = "";
	int fd = accept(scene->listener, NULL, NULL);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(read(fd, request, sizeof request - 1), 0);
	ck_assert_ptr_nonnull(strstr(request, "GET / HTTP/1.1\r\n"));
	return fd;
}

static void reply(const struct scene *scene, int fd, const char *text)
{
	(void)scene;
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

START_TEST(without_a_plugin_a_connection_is_enough)
{
	struct scene scene;
	char why[64];

	open_scene(&scene, NULL);
	begin(&scene);
	expect(&scene, EXAM_UP, "");
	close(scene.listener);
	scene.listener = -1;
	begin(&scene);
	snprintf(why, sizeof why, "127.0.0.1:%u: Connection refused", scene.addr.port);
	expect(&scene, EXAM_DOWN, why);
	close_scene(&scene);
}
END_TEST

START_TEST(a_plugin_judges_the_reply)
{
	struct scene scene;
	int fd;

	open_scene(&scene, "http");
	begin(&scene);
	fd = take_request(&scene);
	for (const char *at = "HTTP/1.1 200 OK\r\n"; *at; at++) {
		if (write(fd, at, 1) < 1) /* it has seen enough */
			break;
	}
	expect(&scene, EXAM_UP, "");
	close(fd);
	begin(&scene);
	fd = take_request(&scene);
	reply(&scene, fd, "HTTP/1.1 500 Internal Server Error\r\n\r\n");
	expect(&scene, EXAM_DOWN, "status 500");
	close(fd);
	close_scene(&scene);
}
END_TEST

START_TEST(a_reply_that_ends_early_means_down)
{
	struct scene scene;
	int fd;

	open_scene(&scene, "http");
	begin(&scene);
	close(take_request(&scene));
	expect(&scene, EXAM_DOWN, "no reply");
	begin(&scene);
	fd = take_request(&scene);
	reply(&scene, fd, "HTTP/1.1");
	close(fd);
	expect(&scene, EXAM_DOWN, "its reply is not complete");
	begin(&scene);
	sockets_reset(take_request(&scene));
	expect(&scene, EXAM_DOWN, "connection broken: Connection reset by peer");
	close_scene(&scene);
}
END_TEST

START_TEST(a_reply_that_never_ends_means_down)
{
	struct scene scene;
	char head[] = "HTTP/1.1 103 Early Hints\r\n", line[1024];
	int fd;

	memset(line, 'x', sizeof line);
	open_scene(&scene, "http");
	begin(&scene);
	fd = take_request(&scene);
	reply(&scene, fd, head);
	for (int i = 0; i < 64 && !is_done(&scene); i++) {
		if (send(fd, line, sizeof line, MSG_NOSIGNAL) < 0)
			break;
	}
	expect(&scene, EXAM_DOWN, "its reply is not complete");
	close(fd);
	close_scene(&scene);
}
END_TEST

START_TEST(a_service_that_hangs_is_down)
{
	struct scene scene;
	int fd;

	open_scene(&scene, "http");
	scene.spec.target.timeout_ms = 100;
	begin(&scene);
	expect(&scene, EXAM_DOWN, "no reply in time"); /* the kernel has accepted the connection */
	close(accept(scene.listener, NULL, NULL));
	scene.spec.target.timeout_ms = 1000;
	begin(&scene);
	fd = take_request(&scene);
	reply(&scene, fd, "HTTP");
	expect(&scene, EXAM_DOWN, "timed out within its reply");
	close(fd);
	close_scene(&scene);
}
END_TEST

START_TEST(an_exam_that_is_stopped_says_nothing)
{
	struct scene scene;
	int fd;
	char byte;

	open_scene(&scene, "http");
	begin(&scene);
	fd = take_request(&scene);
	host_scene_call(&scene.host, run_stop, &scene);
	ck_assert_int_eq(read(fd, &byte, 1), 0);
	close(fd);
	begin(&scene);
	host_scene_call(&scene.host, run_stop, &scene); /* maybe while it connects */
	ck_assert_uint_eq(atomic_load(&scene.n_done), 0);
	close_scene(&scene);
}
END_TEST

/* Nothing is known about the service then. */
START_TEST(a_lack_of_descriptors_is_no_failure)
{
	struct scene scene;
	struct rlimit before;
	char why[64];

	open_scene(&scene, NULL);
	before = few_descriptors_begin(0);
	begin(&scene);
	ck_assert(host_scene_wait(is_done, &scene));
	few_descriptors_end(&before);
	snprintf(why, sizeof why, "127.0.0.1:%u: Too many open files", scene.addr.port);
	expect(&scene, EXAM_UNKNOWN, why);
	close_scene(&scene);
}
END_TEST

SUITE("exam", a_lack_of_descriptors_is_no_failure, without_a_plugin_a_connection_is_enough,
      a_plugin_judges_the_reply, a_reply_that_ends_early_means_down,
      a_reply_that_never_ends_means_down, a_service_that_hangs_is_down,
      an_exam_that_is_stopped_says_nothing)
