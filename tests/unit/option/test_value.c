#include "option/value.h"

#include <stdio.h>
#include <string.h>

#include "scene/value_scene.h"
#include "suite.h"

START_TEST(booleans)
{
	spore_option row = row_of(SPORE_OPT_BOOL, 1, 0);
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, &row, "true", &value), "");
	ck_assert_uint_eq(value.boolean, 1);
	option_scene_close(&scene);
	ck_assert_str_eq(read_value(&scene, &row, "false", &value), "");
	ck_assert_uint_eq(value.boolean, 0);
	option_scene_close(&scene);
	check_bad(&row, "1", "expected true or false, found 1");
	check_bad(&row, "\"true\"", "expected true or false, found \"true\"");
	check_bad(&row, "null", "expected true or false, found null");
}
END_TEST

START_TEST(real_numbers)
{
	spore_option row = row_of(SPORE_OPT_NUMBER, 1, 0);
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, &row, "-2.5e1", &value), "");
	ck_assert_double_eq(value.real, -25);
	option_scene_close(&scene);
	check_bad(&row, "\"1\"", "expected a number without quotes, found \"1\"");
	check_bad(&row, "\"-0.5\"", "expected a number without quotes, found \"-0.5\"");
	check_bad(&row, "\"1.\"", "expected a number, found \"1.\"");
	check_bad(&row, "\".5\"", "expected a number, found \".5\"");
	check_bad(&row, "\"00\"", "expected a number, found \"00\"");
	check_bad(&row, "{}", "expected a number, found an object");
}
END_TEST

START_TEST(choices)
{
	spore_option row = row_of(SPORE_OPT_ENUM, 1, 0);

	check_number(&row, "\"one\"", 0);
	check_number(&row, "\"three\"", 2);
	check_bad(&row, "\"four\"", "expected one of one|two|three, found \"four\"");
	check_bad(&row, "\"one|two\"", "expected one of one|two|three, found \"one|two\"");
	check_bad(&row, "\"\"", "expected one of one|two|three, found \"\"");
	check_bad(&row, "\"On\"", "expected one of one|two|three, found \"On\"");
	check_bad(&row, "0", "expected a string, one of one|two|three, found 0");
}
END_TEST

static void check_text(uint32_t flags, const char *text, const char *expected)
{
	spore_option row = row_of(SPORE_OPT_STRING, 1, 0);
	struct option_scene scene;
	union value value;

	row.flags = flags;
	ck_assert_str_eq(read_value(&scene, &row, text, &value), "");
	ck_assert_str_eq(value.text, expected);
	option_scene_close(&scene);
}

START_TEST(texts_and_paths)
{
	spore_option row = row_of(SPORE_OPT_STRING, 1, 0);

	check_text(0, "\"x\"", "x");
	check_text(0, "\"\"", "");
	check_text(SPORE_OPTF_PATH, "\"a/b\"", "/folder/a/b");
	check_text(SPORE_OPTF_PATH, "\"/a/b\"", "/a/b");
	check_text(SPORE_OPTF_PATH, "\"\"", "");
	check_bad(&row, "5", "expected a string, found 5");
	check_bad(&row, "null", "expected a string, found null");
}
END_TEST

/* A wrong one would only be found when a client logs in. */
START_TEST(names_of_hosts)
{
	static const char *const bad[] = { "https://x.y", "example.*", "x:80", "",
		                           "m\\u00fcnchen.de" };
	spore_option row = row_of(SPORE_OPT_STRING, 1, 0);
	char text[64], expected[160];

	check_text(SPORE_OPTF_HOST, "\"app.example.com\"", "app.example.com");
	check_text(SPORE_OPTF_HOST, "\"*.Example.com.\"", "*.Example.com.");
	check_text(SPORE_OPTF_HOST, "\"*\"", "*");
	row.flags = SPORE_OPTF_HOST;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "\"%s\"", bad[i]);
		snprintf(expected, sizeof expected,
		         "expected a host name such as \"app.example.com\" or "
		         "\"*.example.com\", or \"*\" for all names, found \"%s\"",
		         strchr(bad[i], '\\') ? "m\\xc3\\xbcnchen.de" : bad[i]);
		check_bad(&row, text, expected);
	}
}
END_TEST

/* A tunnel has a name, not a pattern. */
START_TEST(one_name_of_a_host)
{
	spore_option row = row_of(SPORE_OPT_STRING, 1, 0);

	check_text(SPORE_OPTF_HOST_NAME, "\"App.example.com.\"", "App.example.com.");
	row.flags = SPORE_OPTF_HOST_NAME;
	check_bad(&row, "\"*.example.com\"",
	          "expected one host name such as \"app.example.com\", not a pattern, found "
	          "\"*.example.com\"");
	check_bad(&row, "\"*\"",
	          "expected one host name such as \"app.example.com\", not a pattern, found "
	          "\"*\"");
}
END_TEST

START_TEST(a_tree_is_handed_on)
{
	spore_option row = row_of(SPORE_OPT_NODE, 1, 0);
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, &row, "[1]", &value), "");
	ck_assert_ptr_eq(value.node, scene.root);
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_type_of_the_future_is_refused)
{
	spore_option row = row_of(4711, 1, 0);

	check_bad(&row, "1", "this option's type (4711) is newer than this host: update Spore");
}
END_TEST

SUITE("value", booleans, real_numbers, choices, texts_and_paths, names_of_hosts, one_name_of_a_host,
      a_tree_is_handed_on, a_type_of_the_future_is_refused)
