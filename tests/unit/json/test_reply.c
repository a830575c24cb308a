#include "json/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static struct json *parse(const char *text)
{
	struct json *root;
	char error[128] = "";

	ck_assert_msg(reply_parse(text, strlen(text), &root, error, sizeof error) == SPORE_OK,
	              "%s: %s", text, error);
	return root;
}

static void check_mistake(const char *text, size_t len, const char *expected)
{
	struct json *root = (struct json *)(uintptr_t)1;
	char error[128] = "";

	ck_assert_int_eq(reply_parse(text, len, &root, error, sizeof error), SPORE_EINVAL);
	ck_assert_ptr_null(root);
	ck_assert_str_eq(error, expected);
}

START_TEST(any_value_may_be_the_root)
{
	struct json *root = parse(" {\"a\": [1, [true, null]], \"b\": {}} ");
	const struct json *list = json_get(root, "a");

	ck_assert_uint_eq(list->count, 2);
	ck_assert(json_child(json_child(list, 1), 0)->boolean);
	ck_assert_ptr_null(json_child(list, 2));
	ck_assert(!reply_free((struct json *)(uintptr_t)list));
	ck_assert(reply_free(root));
	root = parse("-1.5e3");
	ck_assert_double_eq(root->number, -1500);
	ck_assert(reply_free(root));
	root = parse("\"text\"");
	ck_assert_str_eq(root->raw, "text");
	ck_assert(reply_free(root));
	ck_assert(reply_free(NULL));
}
END_TEST

START_TEST(a_mistake_says_where_and_what_was_expected)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "", "line 1, column 1: expected a value" },
		{ "{\"a\":1,}", "line 1, column 8: expected a key in double quotes" },
		{ "[1,\n  2", "line 2, column 4: expected ',' or ']'" },
		{ "{} {}", "line 1, column 4: expected nothing more after the value" },
		{ "// no\n1", "line 1, column 1: expected a value" },
		{ "[1,\n1e999]", "line 2, column 1: expected a number that a double can hold" },
		{ "{\"secret\":1,\"secret\":2}",
		  "line 1, column 13: expected each key once, and strings without \\u0000" },
		{ "[\"\\u0000\"]",
		  "line 1, column 2: expected each key once, and strings without \\u0000" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check_mistake(rows[i].text, strlen(rows[i].text), rows[i].error);
}
END_TEST

START_TEST(the_text_need_not_end_in_a_nul)
{
	struct json *root;

	ck_assert_int_eq(reply_parse("123", 2, &root, NULL, 0), SPORE_OK);
	ck_assert_double_eq(root->number, 12);
	reply_free(root);
	ck_assert_int_eq(reply_parse(NULL, 0, &root, NULL, 0), SPORE_EINVAL);
}
END_TEST

static char *repeated(const char *begin, const char *piece, size_t n, const char *end)
{
	char *text = malloc(strlen(begin) + n * strlen(piece) + strlen(end) + 1), *at = text;

	ck_assert_ptr_nonnull(text);
	at += sprintf(at, "%s", begin);
	for (size_t i = 0; i < n; i++)
		at += sprintf(at, "%s", piece);
	strcpy(at, end);
	return text;
}

START_TEST(size_depth_and_number_of_values_are_limited)
{
	char *text = repeated("[", "1,", REPLY_MAX_VALUES - 2, "1]");
	struct json *root = parse(text);

	ck_assert_uint_eq(root->count, REPLY_MAX_VALUES - 1);
	reply_free(root);
	free(text);
	text = repeated("[", "1,", REPLY_MAX_VALUES - 1, "1]");
	check_mistake(text, strlen(text),
	              "line 1, column 1: expected at most 16384 keys and values");
	free(text);
	text = repeated("", "[", 33, "");
	check_mistake(text, strlen(text),
	              "line 1, column 33: expected at most 32 levels of nesting");
	free(text);
	text = repeated("1", " ", REPLY_MAX_BYTES, "");
	check_mistake(text, strlen(text), "line 1, column 1: expected at most 1 MiB");
	free(text);
}
END_TEST

SUITE("reply", any_value_may_be_the_root, a_mistake_says_where_and_what_was_expected,
      the_text_need_not_end_in_a_nul, size_depth_and_number_of_values_are_limited)
