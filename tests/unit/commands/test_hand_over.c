#include "commands/hand_over.h"

#include "answering.h"
#include "config/settings.h"
#include "suite.h"

static bool await(const char *path, struct err *err)
{
	struct admin_settings settings = { .socket = path };

	return hand_over_await(&settings, err);
}

/* The peer answers once. What comes later finds nobody. */
static bool await_answer(const char *answer, struct err *err)
{
	struct answering peer;
	bool may_start;

	answering_begin(&peer, answer, strlen(answer));
	may_start = await(peer.path, err);
	answering_end(&peer);
	ck_assert_str_eq(peer.asked, "hand-over\n");
	return may_start;
}

START_TEST(nobody_has_to_hand_over)
{
	struct err err;

	ck_assert(await("", &err));
	ck_assert(await("/nowhere/admin.sock", &err));
}
END_TEST

START_TEST(a_server_that_has_handed_over_is_not_asked_again)
{
	struct err err;

	ck_assert(await_answer("{ \"handed_over\": true }", &err));
}
END_TEST

START_TEST(another_answer_is_a_refusal)
{
	static const char *const answers[] = { "{ \"error\": \"the server does not drain\" }",
		                               "{ \"error\": \"unknown command hand-over\" }",
		                               "what?" };
	struct err err;

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		ck_assert(!await_answer(answers[i], &err));
		ck_assert_ptr_nonnull(
			strstr(err.text, ": another server or client is listening on it; "));
	}
}
END_TEST

SUITE("hand_over", nobody_has_to_hand_over, a_server_that_has_handed_over_is_not_asked_again,
      another_answer_is_a_refusal)
