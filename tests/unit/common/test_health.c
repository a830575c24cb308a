#include "health.h"

#include "recorder.h"
#include "suite.h"

enum { FAILURES = 2, PAUSE = 1000 };

static struct health health;

static void set_up_at(const char *url, enum hearing hearing)
{
	const struct health_options options = {
		.url = url,
		.store = "the directory",
		.faults = "failures of the directory",
		.help = "Whether it is asked.",
		.hearing = hearing,
		.max_failures = FAILURES,
		.pause_ms = PAUSE,
	};
	spore_create_args args = recorder_args();

	health_init(&health, &args, &options);
}

static void set_up(enum hearing hearing)
{
	set_up_at(NULL, hearing);
}

static void expect(int value, const char *state)
{
	ck_assert_int_eq((int)recorder_value("breaker_state"), value);
	ck_assert_str_eq(recorder.state, state);
}

/* Asks and settles at once. */
static void ask(enum breaker_outcome outcome)
{
	enum breaker_pass pass = health_enter(&health);

	ck_assert_int_ne(pass, BREAKER_REFUSED);
	health_settle(&health, pass, outcome);
}

START_TEST(the_state_and_the_log_follow_the_breaker)
{
	set_up(HEARING_UNTOLD);
	ck_assert_str_eq(recorder.help, "Whether it is asked.");
	expect(0, "the directory is asked");
	ask(BREAKER_FAILS);
	expect(0, "the directory is asked");
	recorder_expect_log("");
	ask(BREAKER_FAILS);
	expect(2, "the directory has failed; it is not asked until the next trial");
	recorder_expect_log("error the directory fails: until it works again, only one question "
	                    "at a time is sent, after a pause\n");
	ck_assert_int_eq(health_enter(&health), BREAKER_REFUSED);
	recorder_move_to(PAUSE);
	ck_assert_int_eq(health_enter(&health), BREAKER_PROBE);
	expect(1, "the directory has failed; one question is sent as a trial");
	health_settle(&health, BREAKER_PROBE, BREAKER_FAILS);
	expect(2, "the directory has failed; it is not asked until the next trial");
	recorder_expect_log(""); /* nothing new */
	recorder_move_to(2 * PAUSE);
	ask(BREAKER_WORKS);
	expect(0, "the directory is asked");
	recorder_expect_log("info the directory works again\n");
	health_fini(&health);
}
END_TEST

START_TEST(the_state_tells_how_changes_are_noticed)
{
	set_up(HEARING_NOTHING);
	expect(0, "the directory is asked; changes are not noticed now");
	health_hear(&health, HEARING_POLLS);
	expect(0, "the directory is asked; changes are noticed every poll_interval");
	ck_assert_uint_eq(recorder.n_states, 2);
	health_hear(&health, HEARING_POLLS);
	ck_assert_uint_eq(recorder.n_states, 2);
	health_hear(&health, HEARING_AT_ONCE);
	ask(BREAKER_FAILS);
	ask(BREAKER_FAILS);
	expect(2, "the directory has failed; it is not asked until the next trial; changes are "
	          "noticed at once");
	health_fini(&health);
}
END_TEST

START_TEST(faults_are_logged_at_a_limited_rate)
{
	set_up(HEARING_UNTOLD);
	health_complain(&health, "it is busy");
	recorder_expect_log("warn the directory gave no verdict: it is busy\n");
	health_log(&health, SPORE_LOG_INFO, "it refuses", "no rights");
	recorder_expect_log("info it refuses: no rights\n");
	for (int i = 2; i < PACE_BURST + 3; i++)
		health_complain(&health, "it is busy");
	recorder.log[0] = '\0';
	recorder_move_to(OUTAGE_FIRST_MS);
	health_complain(&health, "it is back");
	recorder_expect_log("warn 3 more failures of the directory were not logged\n"
	                    "warn the directory gave no verdict: it is back\n");
	health_fini(&health);
}
END_TEST

START_TEST(an_outage_is_logged_less_and_less_often)
{
	set_up(HEARING_UNTOLD);
	for (int i = 0; i < PACE_BURST; i++)
		health_complain(&health, "it is down");
	recorder.log[0] = '\0';
	recorder_move_to(OUTAGE_FIRST_MS - 1);
	health_complain(&health, "it is down");
	recorder_expect_log("");
	recorder_move_to(OUTAGE_FIRST_MS);
	health_complain(&health, "it is down");
	recorder.log[0] = '\0';
	recorder_move_to(3 * OUTAGE_FIRST_MS - 1);
	health_complain(&health, "it is down");
	recorder_expect_log("");
	/* A success ends it. */
	ask(BREAKER_WORKS);
	health_complain(&health, "it is down again");
	recorder_expect_log("warn 1 more failures of the directory were not logged\n"
	                    "warn the directory gave no verdict: it is down again\n");
	health_fini(&health);
}
END_TEST

START_TEST(nothing_is_left_of_one_that_was_not_made)
{
	health_fini(&health);
}
END_TEST

START_TEST(lines_name_the_url)
{
	set_up_at("https://one.example/", HEARING_UNTOLD);
	health_complain(&health, "no reply");
	recorder_expect_log("warn the directory gave no verdict: no reply "
	                    "url=https://one.example/\n");
	for (int i = 0; i < FAILURES; i++)
		ask(BREAKER_FAILS);
	recorder_expect_log("error the directory fails: until it works again, only one question "
	                    "at a time is sent, after a pause url=https://one.example/\n");
	health_fini(&health);
}
END_TEST

SUITE("health", the_state_and_the_log_follow_the_breaker, the_state_tells_how_changes_are_noticed,
      faults_are_logged_at_a_limited_rate, an_outage_is_logged_less_and_less_often,
      nothing_is_left_of_one_that_was_not_made, lines_name_the_url)
