#include "rehearsal/answerer.h"

#include "scene/serve_scene.h"
#include "suite.h"

enum { WAIT_MS = 10000 };

static struct serve_scene scene;
static char answer[SPORE_AUTH_ANSWER_MAX + 1];

/* Asks a client that is configured like this. */
static bool ask(const char *members)
{
	struct stand_in_facts facts = { .secure = false };
	struct answerer answerer;
	struct err err;
	bool good;

	serve_scene_open(&scene, members);
	ck_assert(uuid_random(&facts.challenge));
	capture_begin(&scene.capture);
	ck_assert(answerer_start(&answerer, scene.config, NULL, &err));
	good = answerer_ask(&answerer, &facts, WAIT_MS, answer);
	answerer_stop(&answerer);
	capture_end(&scene.capture);
	serve_scene_close(&scene);
	return good;
}

#define CLIENT "\"client\": {\"to\": \"h\"}, \"tunnels\": [{\"local_port\": 1}]"

START_TEST(a_plugin_of_the_client_answers)
{
	setenv("SPORE_SECRET", "of the server", 1);
	ck_assert(ask(CLIENT ", \"auth\": [{\"use\": \"hmac\", \"secret\": \"x\"}]"));
	ck_assert_uint_eq(strlen(answer), 64);
}
END_TEST

START_TEST(a_client_without_auth_has_no_answer)
{
	setenv("SPORE_SECRET", "of the server", 1);
	ck_assert(!ask(CLIENT));
	ck_assert_contains(capture_err(&scene.capture), "has no instance in \"auth\"");
}
END_TEST

START_TEST(mistakes_are_printed_by_the_client)
{
	ck_assert(!ask(CLIENT ", \"auth\": [{\"use\": \"hmac\"}]"));
	ck_assert_contains(capture_err(&scene.capture), "/auth/0");
}
END_TEST

START_TEST(a_client_that_is_not_asked_ends)
{
	struct answerer answerer, none = { .pid = 0 };
	struct err err;

	answerer_stop(&none);
	serve_scene_open(&scene, CLIENT ", \"auth\": [{\"use\": \"hmac\", \"secret\": \"x\"}]");
	ck_assert(answerer_start(&answerer, scene.config, NULL, &err));
	answerer_stop(&answerer);
	serve_scene_close(&scene);
}
END_TEST

SUITE("answerer", a_plugin_of_the_client_answers, a_client_without_auth_has_no_answer,
      mistakes_are_printed_by_the_client, a_client_that_is_not_asked_ends)
