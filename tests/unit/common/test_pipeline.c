#include "pipeline.h"

#include "recorder.h"
#include "suite.h"

enum { TIMEOUT = 500, WAITING = 100, RUNNING = 3, FAILURES = 2, PAUSE = 2000, ASKS = WAITING + 2 };

/* A question, and what came of it. */
struct question {
	struct ask ask;
	unsigned n_sent, n_ended;
	enum ask_result result, worth; /* as it ended; what on_end() says of a reply */
	const void *reply;
};

static struct pipeline_shared shared;
static struct pipeline pipeline;
static struct question questions[ASKS];
static struct question *sent[4 * ASKS]; /* in this order, on any connection */
static size_t n_sent;
static bool is_ready;
static char given_up[PIPELINE_WHY_MAX];

/* ---- a connection ---- */

static bool send_it(void *arg, struct ask *ask)
{
	struct question *question = (struct question *)ask;

	ck_assert_ptr_eq(arg, &is_ready);
	if (!is_ready)
		return false;
	question->n_sent++;
	sent[n_sent++] = question;
	return true;
}

static void lose(const char *why)
{
	bool was_ready = is_ready;

	is_ready = false;
	pipeline_lose(&pipeline, NULL, why, was_ready);
}

static void give_up(void *arg, const char *why)
{
	(void)arg;
	snprintf(given_up, sizeof given_up, "%s", why);
	lose(why);
}

static void open_connection(void)
{
	is_ready = true;
	pipeline_resume(&pipeline);
}

static void reply(const char *text)
{
	ck_assert_ptr_nonnull(pipeline_oldest(&pipeline));
	pipeline_end(&pipeline, ASK_REPLIED, text);
}

/* ---- questions ---- */

static enum ask_result on_end(struct ask *ask, enum ask_result result, const void *reply)
{
	struct question *question = (struct question *)ask;

	question->n_ended++;
	question->result = result;
	question->reply = reply;
	return result == ASK_REPLIED ? question->worth : result;
}

static enum ask_result ask(size_t i)
{
	questions[i].ask.on_end = on_end;
	return pipeline_send(&pipeline, &questions[i].ask);
}

static void ask_many(size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++)
		ck_assert_int_eq(ask(i), ASK_REPLIED);
}

static void expect_ended(size_t i, enum ask_result result)
{
	ck_assert_uint_eq(questions[i].n_ended, 1);
	ck_assert_int_eq(questions[i].result, result);
}

static int counted(const char *result)
{
	char name[RECORDER_NAME];

	snprintf(name, sizeof name, "requests_total %s", result);
	return (int)recorder_value(name);
}

static void set_up_within(int64_t auth_ms)
{
	static const struct pipeline_ops ops = { send_it, give_up, RUNNING };
	const struct pipeline_options options = {
		.health = {
			.store = "It",
			.faults = "failures",
			.help = "Whether it is asked.",
			.max_failures = FAILURES,
			.pause_ms = PAUSE,
		},
		.requests = "Questions.",
		.seconds = "Seconds.",
		.timeout_ms = TIMEOUT,
		.max_waiting = WAITING,
	};
	spore_create_args args = recorder_args();

	args.auth_timeout_ms = auth_ms;
	pipeline_init(&shared, &args, &options);
	pipeline = (struct pipeline){ .shared = &shared, .ops = &ops, .arg = &is_ready };
	ck_assert(pipeline_start(&pipeline));
}

static void set_up(void)
{
	set_up_within(TIMEOUT + 1);
}

static void tear_down(void)
{
	pipeline_stop(&pipeline);
	ck_assert_int_eq(recorder.due_ms, -1);
	pipeline_fini(&shared);
}

/* ---- tests ---- */

START_TEST(questions_are_sent_and_end_in_order)
{
	set_up();
	ask_many(0, 5);
	ck_assert_uint_eq(n_sent, 0);
	ck_assert_ptr_null(pipeline_oldest(&pipeline));
	open_connection();
	ck_assert_uint_eq(n_sent, RUNNING);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_ptr_eq(sent[i], &questions[i]);
		ck_assert_ptr_eq(pipeline_oldest(&pipeline), &questions[i].ask);
		reply("yes");
		expect_ended(i, ASK_REPLIED);
		ck_assert_str_eq(questions[i].reply, "yes");
	}
	ck_assert_uint_eq(n_sent, 5);
	ck_assert_int_eq(counted("replied"), 5);
	ask_many(5, 1);
	ck_assert_ptr_eq(sent[5], &questions[5]);
	tear_down();
}
END_TEST

START_TEST(what_was_lost_is_sent_again_in_order)
{
	set_up();
	open_connection();
	ask_many(0, 4);
	reply("yes");
	ck_assert_uint_eq(n_sent, 4);
	lose("it is gone");
	recorder_expect_log("warn It gave no verdict: it is gone\n");
	pipeline_lose(&pipeline, NULL, "it is gone", true);
	ck_assert_int_eq((int)recorder_value("breaker_state"), BREAKER_CLOSED); /* it did work */
	ck_assert_ptr_null(pipeline_oldest(&pipeline));
	ask_many(4, 1);
	ck_assert(pipeline_withdraw(&pipeline, &questions[2].ask));
	open_connection();
	ck_assert_uint_eq(n_sent, 7);
	ck_assert(sent[4] == &questions[1] && sent[5] == &questions[3] && sent[6] == &questions[4]);
	ck_assert(!pipeline_withdraw(&pipeline, &questions[1].ask));
	reply("yes");
	expect_ended(1, ASK_REPLIED);
	ck_assert_uint_eq(questions[2].n_ended, 0);
	tear_down();
}
END_TEST

START_TEST(a_full_queue_takes_no_more)
{
	set_up();
	open_connection();
	ask_many(0, WAITING);
	ck_assert_int_eq(ask(WAITING), ASK_BUSY);
	recorder_expect_log("warn It gave no verdict: too many questions wait for it "
	                    "(max_waiting)\n");
	ck_assert_int_eq(counted("busy"), 1);
	ck_assert_uint_eq(questions[WAITING].n_ended, 0);
	reply("yes");
	ask_many(WAITING + 1, 1);
	tear_down();
}
END_TEST

START_TEST(the_time_of_the_oldest_ends_the_connection)
{
	set_up();
	open_connection();
	recorder_move_to(100);
	ask_many(0, 1);
	recorder_move_to(200);
	ask_many(1, 1);
	recorder_move_to(100 + TIMEOUT - 1);
	ck_assert_uint_eq(questions[0].n_ended, 0);
	recorder_move_to(100 + TIMEOUT);
	expect_ended(0, ASK_TIMEOUT);
	ck_assert_str_eq(given_up, "it does not reply in time (timeout)");
	ck_assert_int_eq(counted("timeout"), 1);
	ck_assert_double_eq(recorder_value("request_seconds"), TIMEOUT / 1000.0);
	ck_assert_uint_eq(questions[1].n_ended, 0);
	open_connection();
	ck_assert_ptr_eq(sent[2], &questions[1]);
	reply("yes");
	expect_ended(1, ASK_REPLIED);
	tear_down();
}
END_TEST

START_TEST(a_crowd_fails_in_several_turns)
{
	set_up();
	ask_many(0, WAITING);
	ck_assert_uint_eq(recorder_move_to(TIMEOUT), 2);
	for (size_t i = 0; i < WAITING; i++)
		expect_ended(i, ASK_TIMEOUT);
	ck_assert_str_eq(given_up, ""); /* nothing had been sent */
	tear_down();
}
END_TEST

START_TEST(failures_suspend_it_until_a_trial_is_answered)
{
	set_up();
	lose("refused");
	lose("refused");
	ck_assert_int_eq((int)recorder_value("breaker_state"), BREAKER_OPEN);
	recorder.log[0] = '\0';
	lose("refused"); /* nothing new */
	recorder_expect_log("");
	ck_assert_int_eq(ask(0), ASK_SUSPENDED);
	recorder_expect_log("warn It gave no verdict: it failed before, and its next trial is not "
	                    "due yet\n");
	ck_assert_int_eq(counted("suspended"), 1);
	recorder_move_to(PAUSE);
	ask_many(1, 1);
	ck_assert_int_eq(ask(2), ASK_SUSPENDED);
	ck_assert(pipeline_withdraw(&pipeline, &questions[1].ask));
	ask_many(3, 1); /* the trial was given back */
	recorder.log[0] = '\0';
	open_connection();
	recorder_expect_log("info It works again\n");
	ck_assert_int_eq((int)recorder_value("breaker_state"), BREAKER_CLOSED);
	tear_down();
}
END_TEST

START_TEST(a_loss_is_logged_with_its_place_once_its_reason_is_new)
{
	set_up();
	pipeline_lose(&pipeline, "10.0.0.1:6379", "refused", false);
	recorder_expect_log("warn It gave no verdict: 10.0.0.1:6379: refused\n");
	pipeline_lose(&pipeline, "10.0.0.2:6379", "refused", false);
	ck_assert_int_eq((int)recorder_value("breaker_state"), BREAKER_OPEN);
	recorder.log[0] = '\0';
	pipeline_lose(&pipeline, "10.0.0.1:6379", "refused", false);
	recorder_expect_log("");
	pipeline_lose(&pipeline, "10.0.0.1:6379", "no route", false);
	recorder_expect_log("warn It gave no verdict: 10.0.0.1:6379: no route\n");
	tear_down();
}
END_TEST

START_TEST(the_caller_says_what_a_reply_is_worth)
{
	set_up();
	open_connection();
	questions[0].worth = ASK_BAD_RECORD;
	questions[1].worth = questions[2].worth = ASK_REFUSED;
	ask_many(0, 3);
	reply("what?");
	reply("no");
	ck_assert_int_eq((int)recorder_value("breaker_state"), BREAKER_CLOSED);
	reply("no");
	ck_assert_int_eq((int)recorder_value("breaker_state"), BREAKER_OPEN);
	ck_assert(counted("bad_record") == 1 && counted("refused") == 2);
	ck_assert_int_eq(counted("replied"), 0);
	tear_down();
}
END_TEST

START_TEST(a_time_that_clients_do_not_wait_is_warned_of)
{
	set_up();
	recorder_expect_log("");
	tear_down();
	set_up_within(TIMEOUT);
	recorder_expect_log("warn a look-up may take 500 ms (timeout), but after 500 ms "
	                    "(server.auth_timeout) the client is refused: keep timeout below "
	                    "server.auth_timeout\n");
	tear_down();
}
END_TEST

START_TEST(a_stop_ends_all)
{
	set_up();
	open_connection();
	ask_many(0, RUNNING + 2);
	tear_down();
	for (size_t i = 0; i < RUNNING + 2; i++) {
		expect_ended(i, ASK_STOPPED);
		ck_assert_ptr_null(questions[i].reply);
	}
	ck_assert_int_eq(counted("stopped"), RUNNING + 2);
	recorder_expect_log("");
}
END_TEST

SUITE("pipeline", questions_are_sent_and_end_in_order, what_was_lost_is_sent_again_in_order,
      a_full_queue_takes_no_more, the_time_of_the_oldest_ends_the_connection,
      a_crowd_fails_in_several_turns, failures_suspend_it_until_a_trial_is_answered,
      a_loss_is_logged_with_its_place_once_its_reason_is_new, the_caller_says_what_a_reply_is_worth,
      a_time_that_clients_do_not_wait_is_warned_of, a_stop_ends_all)
