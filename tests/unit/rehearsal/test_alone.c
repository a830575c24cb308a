#include "rehearsal/alone.h"

#include "arguments/exit_status.h"
#include "rehearsal/print.h"
#include "scene/rehearsal_scene.h"
#include "suite.h"

static struct serve_scene scene;

/* Asks a server that is configured like this. */
static int ask(const char *members, const char *secret)
{
	struct rehearsal_scene rehearsal;
	int status;

	serve_scene_open(&scene, members);
	capture_begin(&scene.capture);
	rehearsal_begin(&rehearsal, secret);
	status = alone_ask(&rehearsal.asking, scene.config);
	rehearsal_end(&rehearsal);
	capture_end(&scene.capture);
	serve_scene_close(&scene);
	return status;
}

static const char server[] =
	"\"auth\": [{\"use\": \"hmac\", \"secret\": \"right\", \"identity\": \"team\"}]";

START_TEST(a_right_secret)
{
	ck_assert_int_eq(ask(server, "right"), EXIT_GOOD);
	ck_assert_contains(capture_out(&scene.capture), "\"verdict\": \"allow\"");
	ck_assert_contains(capture_out(&scene.capture), "\"identity\": \"team\"");
}
END_TEST

START_TEST(a_wrong_secret)
{
	ck_assert_int_eq(ask(server, "wrong"), EXIT_REFUSED);
	ck_assert_contains(capture_out(&scene.capture), "\"verdict\": \"deny\"");
	ck_assert_contains(capture_err(&scene.capture), "does not fit the secret");
}
END_TEST

START_TEST(a_wrong_configuration)
{
	ck_assert_int_eq(ask("\"auth\": [{\"use\": \"hmac\"}]", "right"), EXIT_FAILED);
	ck_assert_contains(capture_err(&scene.capture), "error: /auth/0");
	ck_assert_str_eq(capture_out(&scene.capture), "");
}
END_TEST

SUITE("alone", a_right_secret, a_wrong_secret, a_wrong_configuration)
