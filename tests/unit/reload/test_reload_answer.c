#include "reload/reload_answer.h"

#include "stderr_file.h"
#include "suite.h"

START_TEST(mistakes_are_logged_without_their_excerpts)
{
	struct reload_answer answer = { .mistakes = strdup("s.json:1:2: error: /a: expected x\n"
		                                           "    \"a\": error: 1\n"
		                                           "         ^\n"
		                                           "error: /b: expected y\n") };

	stderr_file_begin();
	reload_answer_log(&answer);
	ck_assert_uint_eq(stderr_file_lines(), 2);
	stderr_file_expect("error " RELOAD_REFUSED
	                   " error=\"s.json:1:2: error: /a: expected x\"\n");
	stderr_file_expect("error " RELOAD_REFUSED " error=\"/b: expected y\"\n");
	reload_answer_fini(&answer);
	ck_assert_ptr_null(answer.mistakes);
}
END_TEST

START_TEST(mistakes_that_are_lost_are_logged_all_the_same)
{
	struct reload_answer answer = { .swapped = false };

	stderr_file_begin();
	reload_answer_log(&answer);
	stderr_file_expect(RELOAD_REFUSED " error=\"out of memory\"\n");
	reload_answer_fini(&answer);
}
END_TEST

static struct change make_change(const char *pointer, const char *from, const char *to,
                                 enum option_change kind)
{
	return (struct change){ .pointer = strdup(pointer),
		                .from = from ? strdup(from) : NULL,
		                .to = to ? strdup(to) : NULL,
		                .kind = kind };
}

START_TEST(each_change_is_a_line)
{
	struct reload_answer answer = { .swapped = true };

	stderr_file_begin();
	answer.changes.items = calloc(2, sizeof *answer.changes.items);
	answer.changes.items[answer.changes.n++] = make_change("/log/level", "\"info\"", "\"warn\"",
	                                                       OPTION_LIVE);
	answer.changes.items[0].from_is_default = true;
	answer.changes.items[answer.changes.n++] = make_change("/server/workers", NULL, "2",
	                                                       OPTION_RESTART);
	reload_answer_log(&answer);
	ck_assert_uint_eq(stderr_file_lines(), 3);
	stderr_file_expect("info  configuration changed key=/log/level from=\"info (default)\" "
	                   "to=warn holds=live\n");
	stderr_file_expect("warn  configuration changed key=/server/workers from=\"not set\" to=2 "
	                   "holds=\"needs a restart\"\n");
	stderr_file_expect("info  configuration reloaded changes=2 files=0\n");
	reload_answer_fini(&answer);
	ck_assert_uint_eq(answer.changes.n, 0);
	ck_assert(!answer.swapped);
}
END_TEST

START_TEST(each_file_is_a_line)
{
	struct reload_answer answer = { .swapped = true };

	stderr_file_begin();
	reload_answer_add_file(&answer, "alice.key");
	reload_answer_add_file(&answer, "bob.key");
	reload_answer_log(&answer);
	ck_assert_uint_eq(stderr_file_lines(), 3);
	stderr_file_expect("info  file read again path=alice.key\n");
	stderr_file_expect("info  configuration reloaded changes=0 files=2\n");
	reload_answer_fini(&answer);
	ck_assert_uint_eq(answer.n_files, 0);
}
END_TEST

START_TEST(warnings_are_added)
{
	struct reload_answer answer = { .swapped = true };

	reload_answer_warn(&answer, NULL);
	ck_assert_str_eq(answer.warnings, "");
	reload_answer_warn(&answer, "a\n");
	reload_answer_warn(&answer, NULL);
	reload_answer_warn(&answer, "b\nc\n");
	ck_assert_str_eq(answer.warnings, "a\nb\nc\n");
	reload_answer_fini(&answer);
	ck_assert_ptr_null(answer.warnings);
}
END_TEST

START_TEST(no_change_is_one_line)
{
	struct reload_answer answer = { .swapped = true };

	stderr_file_begin();
	reload_answer_log(&answer);
	ck_assert_uint_eq(stderr_file_lines(), 1);
	stderr_file_expect("configuration reloaded changes=0 files=0\n");
	reload_answer_fini(&answer);
}
END_TEST

SUITE("reload_answer", warnings_are_added, mistakes_are_logged_without_their_excerpts,
      mistakes_that_are_lost_are_logged_all_the_same, each_change_is_a_line, each_file_is_a_line,
      no_change_is_one_line)
