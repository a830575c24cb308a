#include "admin/admin_answer.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

START_TEST(an_answer_is_one_object)
{
	struct admin_answer answer;
	char *text;

	admin_answer_begin(&answer);
	ck_assert_ptr_nonnull(answer.json.out);
	jsonout_int(&answer.json, "n", 7);
	text = admin_answer_end(&answer);
	ck_assert_str_eq(text, "{\n  \"n\": 7\n}\n");
	ck_assert_uint_eq(answer.len, strlen(text));
	ck_assert_ptr_null(answer.json.out);
	free(text);
}
END_TEST

START_TEST(an_answer_may_be_empty)
{
	struct admin_answer answer;
	char *text;

	admin_answer_begin(&answer);
	text = admin_answer_end(&answer);
	ck_assert_str_eq(text, "{}\n");
	free(text);
}
END_TEST

START_TEST(an_answer_that_could_not_begin_has_no_text)
{
	struct admin_answer answer = { 0 };

	ck_assert_ptr_null(admin_answer_end(&answer));
	ck_assert_uint_eq(answer.len, 0);
}
END_TEST

START_TEST(an_error_names_what_and_about)
{
	struct admin_answer answer;
	char *text;

	admin_answer_begin(&answer);
	admin_error_write(&answer.json, "unknown command ", "x\"\n");
	text = admin_answer_end(&answer);
	ck_assert_str_eq(text, "{\n  \"error\": \"unknown command x\\\"\\u000a\"\n}\n");
	free(text);
}
END_TEST

START_TEST(a_long_error_is_cut)
{
	struct admin_answer answer;
	char long_text[3000], *text;

	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	admin_answer_begin(&answer);
	admin_error_write(&answer.json, "what ", long_text);
	text = admin_answer_end(&answer);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_lt(answer.len, 1100);
	ck_assert_str_eq(text + answer.len - 4, "\"\n}\n");
	free(text);
}
END_TEST

START_TEST(an_answer_may_be_dropped)
{
	struct admin_answer answer = { 0 };

	admin_answer_drop(&answer);
	admin_answer_begin(&answer);
	admin_answer_drop(&answer);
	admin_answer_drop(&answer);
	admin_answer_begin(&answer);
	free(admin_answer_end(&answer));
	admin_answer_drop(&answer);
}
END_TEST

SUITE("admin_answer", an_answer_may_be_dropped, an_answer_is_one_object, an_answer_may_be_empty,
      an_answer_that_could_not_begin_has_no_text, an_error_names_what_and_about,
      a_long_error_is_cut)
