#include "option/value_describe.h"

#include "scene/value_scene.h"
#include "suite.h"

START_TEST(found_texts_are_shown_escaped_and_short)
{
	spore_option row = row_of(SPORE_OPT_INT, 1, 0);

	check_bad(&row, "\"a\\u001b[2J\\\"\"", "expected a whole number, found \"a\\x1b[2J\\x22\"");
	check_bad(
		&row,
		"\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
		"expected a whole number, found "
		"\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"...");
}
END_TEST

/* Dots appear if and only if something is missing. */
START_TEST(dots_stand_for_what_is_missing)
{
	for (size_t len = 1; len < 80; len++) {
		for (int hostile = 0; hostile < 2; hostile++) {
			char text[80] = "", shown[128];
			struct json node = { .type = JSON_STRING, .raw = text, .len = len };
			size_t need = hostile ? 4 * len : len;

			memset(text, hostile ? '\x01' : 'x', len);
			value_describe(&node, shown, sizeof shown);
			ck_assert_msg((strstr(shown, "...") != NULL) ==
			                      (strcspn(shown + 1, "\"") < need),
			              "%zu bytes: %s", len, shown);
		}
	}
}
END_TEST

static void check_described(const char *text, const char *expected)
{
	struct option_scene scene;
	char out[96];

	option_scene_open(&scene, text);
	ck_assert_str_eq(value_describe(scene.root, out, sizeof out), expected);
	option_scene_close(&scene);
}

START_TEST(every_type_is_described)
{
	check_described("\"a\"", "\"a\"");
	check_described("-1.50e3", "-1.50e3");
	check_described("true", "true");
	check_described("false", "false");
	check_described("null", "null");
	check_described("[1]", "an array");
	check_described("{\"a\":1}", "an object");
}
END_TEST

START_TEST(a_mismatch_names_both)
{
	struct option_scene scene;
	struct option_scope scope;

	option_scene_open(&scene, "{\"a\":[true]}");
	scope = (struct option_scope){ scene.doc, &scene.diag, NULL, NULL, NULL };
	ck_assert(!value_mismatch(&scope, json_get(scene.root, "a")->first, "a whole number"));
	ck_assert_str_eq(option_scene_message(&scene), "/a/0: expected a whole number, found true");
	option_scene_close(&scene);
}
END_TEST

SUITE("value_describe", found_texts_are_shown_escaped_and_short, dots_stand_for_what_is_missing,
      every_type_is_described, a_mismatch_names_both)
