#include "health/checker.h"

#include "scene/host_scene.h"
#include "suite.h"

struct scene {
	struct host_scene host;
	struct plugin_set *set;
	const struct instance *checker;
	spore_check_target target;
	char request[SPORE_CHECK_REQUEST_MAX];
	size_t len;
	const char *reply;
	bool ended;
	enum checker_verdict verdict;
	char why[SPORE_CHECK_WHY_SIZE];
};

static void open_scene(struct scene *scene, const char *checks)
{
	char text[512];

	*scene = (struct scene){
		.target = { .struct_size = sizeof scene->target, .port = 80, .host = "web" }
	};
	host_scene_open(&scene->host);
	snprintf(text, sizeof text,
	         "{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local\":\"web:80\"}],\"checks\":[%s]}",
	         checks);
	scene->set = host_scene_start(&scene->host, ROLE_LOCAL, text);
}

static void close_scene(struct scene *scene)
{
	plugin_set_unref(scene->set);
	host_scene_close(&scene->host);
}

static void run_request(void *arg)
{
	struct scene *scene = arg;

	scene->len = checker_request(scene->checker, scene->host.loops[0], &scene->target,
	                             scene->request);
}

static void run_judge(void *arg)
{
	struct scene *scene = arg;
	spore_check_reply reply = { .ended = scene->ended,
		                    .bytes = { scene->reply, strlen(scene->reply) } };

	scene->verdict = checker_judge(scene->checker, scene->host.loops[0], &scene->target, &reply,
	                               scene->why);
}

static enum checker_verdict judge(struct scene *scene, const char *reply, bool ended)
{
	scene->reply = reply;
	scene->ended = ended;
	host_scene_call(&scene->host, run_judge, scene);
	return scene->verdict;
}

START_TEST(an_instance_is_found_by_its_name)
{
	struct scene scene;

	open_scene(&scene, "{\"use\":\"http\"},{\"use\":\"http\",\"name\":\"api\"}");
	ck_assert_ptr_eq(checker_find(scene.set, "http"),
	                 scene.set->chains[CHAIN_CHECKS]->items[0]);
	ck_assert_ptr_eq(checker_find(scene.set, "api"), scene.set->chains[CHAIN_CHECKS]->items[1]);
	ck_assert_ptr_null(checker_find(scene.set, "other"));
	close_scene(&scene);
}
END_TEST

START_TEST(a_plugin_asks_and_judges)
{
	struct scene scene;

	open_scene(&scene, "{\"use\":\"http\",\"path\":\"/ok\"}");
	scene.checker = checker_find(scene.set, "http");
	host_scene_call(&scene.host, run_request, &scene);
	ck_assert_uint_gt(scene.len, 0);
	ck_assert_int_eq(strncmp(scene.request, "GET /ok HTTP/1.1\r\nHost: web:80\r\n", 32), 0);
	ck_assert_int_eq(judge(&scene, "HTTP/1.1", false), CHECKER_MORE);
	ck_assert_int_eq(judge(&scene, "HTTP/1.1 200 OK\r\n", false), CHECKER_UP);
	ck_assert_str_eq(scene.why, "");
	ck_assert_int_eq(judge(&scene, "HTTP/1.1 500 x\r\n", false), CHECKER_DOWN);
	ck_assert_str_eq(scene.why, "status 500");
	close_scene(&scene);
}
END_TEST

/* check_wrong does what its `does` says. */
START_TEST(a_plugin_that_is_wrong_means_down)
{
	struct scene scene;

	open_scene(&scene, "{\"use\":\"wrong\"}");
	scene.checker = checker_find(scene.set, "wrong");
	host_scene_call(&scene.host, run_request, &scene);
	ck_assert_uint_eq(scene.len, 0); /* it has claimed more bytes than there is room for */
	ck_assert_int_eq(judge(&scene, "true", false), CHECKER_DOWN);
	ck_assert_str_eq(scene.why, "check plugin wrong returned no result");
	ck_assert_int_eq(judge(&scene, "silent", false), CHECKER_DOWN);
	ck_assert_str_eq(scene.why, "its reply is not the one that was expected");
	ck_assert_int_eq(judge(&scene, "latin", false), CHECKER_DOWN);
	ck_assert_str_eq(scene.why, "caf");
	close_scene(&scene);
}
END_TEST

SUITE("checker", an_instance_is_found_by_its_name, a_plugin_asks_and_judges,
      a_plugin_that_is_wrong_means_down)
