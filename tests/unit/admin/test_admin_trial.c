#include "admin/admin_trial.h"

#include <stdlib.h>
#include <string.h>

#include "admin/admin_answer.h"
#include "capture.h"
#include "config/config.h"
#include "host/grant.h"
#include "net/addr.h"
#include "suite.h"

/* ---- the line ---- */

static void check_line(struct admin_trial_question *question)
{
	static const char verb[] = "auth-test ";
	struct admin_trial_question read;
	char line[ADMIN_TRIAL_LINE];

	ck_assert(admin_trial_format(question, line));
	ck_assert_int_eq(strncmp(line, verb, strlen(verb)), 0);
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
	line[strlen(line) - 1] = '\0';
	ck_assert(admin_trial_read(line + strlen(verb), &read));
	ck_assert(read.facts.secure == question->facts.secure && read.port == question->port);
	ck_assert(addr_equal(&read.facts.peer, &question->facts.peer));
	ck_assert(uuid_equal(&read.facts.challenge, &question->facts.challenge));
	ck_assert_str_eq(read.answer, question->answer);
}

START_TEST(a_question_is_read_as_it_was_written)
{
	struct admin_trial_question question = { .port = 0 };

	ck_assert(addr_parse("127.0.0.1:7", &question.facts.peer));
	check_line(&question);
	question.facts.secure = true;
	question.port = 65535;
	ck_assert(
		addr_parse("[2001:db8:1111:2222:3333:4444:5555:6666]:65535", &question.facts.peer));
	ck_assert(uuid_random(&question.facts.challenge));
	memset(question.answer, 0xC3, sizeof question.answer - 1); /* the longest */
	check_line(&question);
	strcpy(question.answer, " \n\"\x01");
	check_line(&question);
}
END_TEST

START_TEST(other_lines_are_refused)
{
	static const char *const lines[] = {
		"",
		"secure",
		"secure 127.0.0.1:7 0 -",
		"secure 127.0.0.1:7 0 - - -",
		"safe 127.0.0.1:7 0 - -",
		"secure 127.0.0.1 0 - -",
		"secure 127.0.0.1:7 65536 - -",
		"secure 127.0.0.1:7 x - -",
		"secure 127.0.0.1:7 0 x -",
		"secure 127.0.0.1:7 0 - x",
		"secure 127.0.0.1:7 0 - abc",
		"secure 127.0.0.1:7 0 - 6100",
		"secure 127.0.0.1:7 0 - AB",
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct admin_trial_question question;
		char copy[64];

		strcpy(copy, lines[i]);
		ck_assert_msg(!admin_trial_read(copy, &question), "%s", lines[i]);
	}
}
END_TEST

START_TEST(a_longer_answer_is_refused)
{
	struct admin_trial_question question;
	char line[ADMIN_TRIAL_LINE] = "secure 127.0.0.1:7 0 - ";

	memset(line + strlen(line), '6', (size_t)2 * (SPORE_AUTH_ANSWER_MAX + 1));
	ck_assert(!admin_trial_read(line, &question));
}
END_TEST

/* ---- the answer ---- */

static char *write_report(const struct trial_report *report)
{
	static const spore_port_range ports[] = { { 20000, 20010 }, { 21000, 21000 } };
	struct config config = { .purpose = CONFIG_TO_RUN };
	struct admin_answer answer;

	config.settings.server.public_ports = (spore_list){ ports, 2, sizeof *ports };
	config.settings.server.auth_timeout = 3000;
	admin_answer_begin(&answer);
	admin_trial_write(report, &config, &answer.json);
	return admin_answer_end(&answer);
}

START_TEST(a_report_with_everything)
{
	struct grant grant = { .identity = (char[]){ "alice" },
		               .reason = (char[]){ "friend" },
		               .fields = SPORE_AUTH_F_MAX_TUNNELS | SPORE_AUTH_F_LIFE,
		               .max_tunnels = 3,
		               .max_conns = 4,
		               .life_ms = 5 };
	struct trial_report report = { .verdict = SPORE_ALLOW,
		                       .by = "two",
		                       .grant = &grant,
		                       .took_ns = 2500,
		                       .steps = { { "one", "x", SPORE_EBACKEND, 1999 },
		                                  { "two", "y", SPORE_ALLOW, 0 },
		                                  { "three", "z", TRIAL_NOT_ASKED, 0 } },
		                       .n_steps = 3 };
	char *text = write_report(&report);

	ck_assert_contains(text, "\"verdict\": \"allow\"");
	ck_assert_contains(text, "\"said\": \"error\",\n      \"status\": \"");
	ck_assert_contains(text, "\"took_us\": 1\n");
	ck_assert_contains(text, "\"said\": \"not asked\"\n");
	ck_assert_contains(text, "\"max_tunnels\": 3");
	ck_assert_contains(text, "\"max_conns\": null");
	ck_assert_contains(text, "\"life_ms\": 5");
	ck_assert_contains(text, "\"reason\": \"friend\"");
	free(text);
}
END_TEST

START_TEST(a_worker_that_hangs_is_an_error)
{
	struct trial_report report = { .verdict = SPORE_ETIMEOUT, .hangs = true };
	char *text = write_report(&report);

	ck_assert_contains(text, "\"error\": \"the test was given up after");
	ck_assert_ptr_null(strstr(text, "verdict"));
	free(text);
}
END_TEST

SUITE("admin_trial", a_question_is_read_as_it_was_written, other_lines_are_refused,
      a_longer_answer_is_refused, a_report_with_everything, a_worker_that_hangs_is_an_error)
