#include "commands/ctl.h"

#include "answering.h"
#include "arguments/exit_status.h"
#include "capture.h"
#include "suite.h"

static struct capture capture;

enum { MOST = 8 };

/* Runs with these words, NULL-ended, and returns the exit status. */
static int run(char *const *words)
{
	int n = 0, status;

	while (words[n])
		n++;
	capture_begin(&capture);
	status = ctl_run(n, (char **)(uintptr_t)words);
	capture_end(&capture);
	return status;
}

/* The same at a server that gives this answer; checks what it was asked. */
static int run_at(const char *answer, const char *asked, char *const *words)
{
	char *all[MOST] = { "--socket" };
	struct answering peer;
	int status;

	answering_begin(&peer, answer, strlen(answer));
	all[1] = peer.path;
	for (size_t i = 0; words[i]; i++)
		all[2 + i] = words[i];
	status = run(all);
	answering_end(&peer);
	ck_assert_str_eq(peer.asked, asked);
	return status;
}

START_TEST(an_answer_is_printed_for_people)
{
	ck_assert_int_eq(run_at("{\"tunnels_ended\":1,\"visitors_ended\":7}", "kick 5\n",
	                        (char *[]){ "kick", "5", NULL }),
	                 EXIT_GOOD);
	ck_assert_str_eq(capture_out(&capture), "ended tunnels: 1, visitors: 7\n");
	ck_assert_str_eq(capture_err(&capture), "");
}
END_TEST

START_TEST(json_is_printed_as_it_came)
{
	const char *answer = "{ \"is\" : \"\\u001b\" }\n";

	ck_assert_int_eq(run_at(answer, "log-level debug\n",
	                        (char *[]){ "log-level", "debug", "--json", NULL }),
	                 EXIT_GOOD);
	ck_assert_str_eq(capture_out(&capture), answer);
}
END_TEST

START_TEST(a_refusal_is_an_error)
{
	const char *answer = "{\"error\":\"no \\u001b[2J\",\"mistakes\":\"FILE: a\\nFILE: b\\n\"}";

	ck_assert_int_eq(run_at(answer, "reload\n", (char *[]){ "reload", NULL }), EXIT_FAILED);
	ck_assert_str_eq(capture_out(&capture), "");
	ck_assert_str_eq(capture_err(&capture), "error: no \\x1b[2J\nFILE: a\nFILE: b\n");
	ck_assert_int_eq(run_at(answer, "reload\n", (char *[]){ "reload", "--json", NULL }),
	                 EXIT_FAILED);
	ck_assert_str_eq(capture_out(&capture), answer);
}
END_TEST

START_TEST(characters_are_shown)
{
	ck_assert_int_eq(run_at("{\"is\":\"\\u00e9 \\u044f \\u0085\",\"was\":\"x\"}",
	                        "log-level info\n", (char *[]){ "log-level", "info", NULL }),
	                 EXIT_GOOD);
	ck_assert_str_eq(capture_out(&capture), "log level: \xc3\xa9 \xd1\x8f \\xc2\\x85, was x\n");
}
END_TEST

START_TEST(workers_that_do_not_answer_are_named)
{
	ck_assert_int_eq(
		run_at("{\"tunnels_ended\":0,\"visitors_ended\":0,\"silent_workers\":[1,3]}",
	               "kick 5\n", (char *[]){ "kick", "5", NULL }),
		EXIT_GOOD);
	ck_assert_str_eq(capture_err(&capture),
	                 "warning: worker 1 did not answer; its data is missing\n"
	                 "warning: worker 3 did not answer; its data is missing\n");
}
END_TEST

START_TEST(nonsense_is_an_error)
{
	static const char *const answers[] = { "[]", "7", "{\"a\"", "\xff" };

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		ck_assert_int_eq(run_at(answers[i], "status\n", (char *[]){ "status", NULL }),
		                 EXIT_FAILED);
		ck_assert_str_eq(capture_out(&capture), "");
		ck_assert_contains(capture_err(&capture), "error: the answer is not a JSON object");
	}
}
END_TEST

START_TEST(the_socket_may_be_in_a_variable)
{
	setenv("SPORE_ADMIN_SOCKET", "/nowhere/variable", 1);
	ck_assert_int_eq(run((char *[]){ "status", NULL }), EXIT_FAILED);
	ck_assert_contains(capture_err(&capture),
	                   "error: cannot reach a server or client at /nowhere/variable: ");
	ck_assert_int_eq(run((char *[]){ "status", "-s", "/nowhere/flag", NULL }), EXIT_FAILED);
	ck_assert_contains(capture_err(&capture),
	                   "error: cannot reach a server or client at /nowhere/flag: ");
}
END_TEST

START_TEST(wrong_command_lines)
{
	ck_assert_int_eq(run((char *[]){ "kick", NULL }), EXIT_USAGE);
	ck_assert_str_eq(capture_err(&capture),
	                 "error: expected TARGET after kick, found the end of the command line\n"
	                 "try: spore ctl --help\n");
	ck_assert_int_eq(run((char *[]){ "kick", "1\nreload", NULL }), EXIT_USAGE);
	ck_assert_contains(
		capture_err(&capture),
		"error: expected a word of 1 to 63 characters, found \"1\\x0areload\"\n");
	ck_assert_int_eq(run((char *[]){ "kick", "", NULL }), EXIT_USAGE);
	ck_assert_int_eq(run((char *[]){ "--help", NULL }), EXIT_GOOD);
	ck_assert_contains(capture_out(&capture),
	                   "[default: /run/spore/admin.sock] [env: SPORE_ADMIN_SOCKET]");
}
END_TEST

START_TEST(an_upgrade_needs_no_program)
{
	char folder[200], asked[300], text[700];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	ck_assert_int_eq(run_at("{\"version\":\"0.2\",\"pid\":7}", "upgrade\n",
	                        (char *[]){ "upgrade", NULL }),
	                 EXIT_GOOD);
	ck_assert_str_eq(capture_out(&capture),
	                 "upgraded: version 0.2 serves as process 7; the old process drains\n");
	ck_assert_int_eq(run_at("{\"error\":\"not upgraded: no\"}", "upgrade /a b/spore\n",
	                        (char *[]){ "upgrade", "/a b/spore", NULL }),
	                 EXIT_FAILED);
	ck_assert_ptr_nonnull(getcwd(folder, sizeof folder));
	snprintf(asked, sizeof asked, "upgrade %s/new/spore\n", folder);
	run_at("{}", asked, (char *[]){ "upgrade", "new/spore", NULL });
	ck_assert_int_eq(run((char *[]){ "upgrade", text, NULL }), EXIT_USAGE);
	ck_assert_int_eq(run((char *[]){ "upgrade", "", NULL }), EXIT_USAGE);
}
END_TEST

SUITE("ctl", an_upgrade_needs_no_program, an_answer_is_printed_for_people,
      json_is_printed_as_it_came, a_refusal_is_an_error, characters_are_shown,
      workers_that_do_not_answer_are_named, nonsense_is_an_error, the_socket_may_be_in_a_variable,
      wrong_command_lines)
