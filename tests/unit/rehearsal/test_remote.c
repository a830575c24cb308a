#include "rehearsal/remote.h"

#include "answering.h"
#include "arguments/exit_status.h"
#include "rehearsal/print.h"
#include "scene/rehearsal_scene.h"
#include "suite.h"

static struct capture capture;

/* Asks a server that gives this answer to the first question, and then ends. */
static int ask_at(const char *answer, struct answering *peer)
{
	struct rehearsal_scene rehearsal;
	int status;

	capture_begin(&capture);
	rehearsal_begin(&rehearsal, "secret");
	answering_begin(peer, answer, strlen(answer));
	status = remote_ask(&rehearsal.asking, peer->path);
	answering_end(peer);
	rehearsal_end(&rehearsal);
	capture_end(&capture);
	return status;
}

START_TEST(an_error_of_the_server_is_printed)
{
	struct answering peer;

	ck_assert_int_eq(ask_at("{\"error\":\"unknown command\"}", &peer), EXIT_FAILED);
	ck_assert_str_eq(peer.asked, "auth-challenge insecure\n");
	ck_assert_str_eq(capture_out(&capture), "{\"error\":\"unknown command\"}");
}
END_TEST

START_TEST(a_challenge_that_is_none_is_an_error)
{
	struct answering peer;

	ck_assert_int_eq(ask_at("{\"challenge\":\"x\",\"limit_ms\":1}", &peer), EXIT_FAILED);
	ck_assert_int_eq(ask_at("{\"challenge\":null}", &peer), EXIT_FAILED);
}
END_TEST

START_TEST(a_server_that_is_gone_is_an_error)
{
	struct rehearsal_scene rehearsal;

	capture_begin(&capture);
	rehearsal_begin(&rehearsal, "secret");
	ck_assert_int_eq(remote_ask(&rehearsal.asking, "/nowhere"), EXIT_FAILED);
	rehearsal_end(&rehearsal);
	capture_end(&capture);
	ck_assert_contains(capture_err(&capture), "cannot reach a server or client at /nowhere");
}
END_TEST

SUITE("remote", an_error_of_the_server_is_printed, a_challenge_that_is_none_is_an_error,
      a_server_that_is_gone_is_an_error)
