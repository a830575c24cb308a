#include "show/value_text.h"

#include "scene/answer_scene.h"
#include "suite.h"

/* The text of the value in this format. */
static const char *shown(const char *json, enum value_format format)
{
	static char text[VALUE_TEXT_SIZE];
	struct answer_scene scene;

	answer_scene_open(&scene, json);
	value_text(scene.root, format, text);
	answer_scene_close(&scene);
	return text;
}

START_TEST(numbers_have_units)
{
	ck_assert_str_eq(shown("1023", VALUE_BYTES), "1023 B");
	ck_assert_str_eq(shown("1536", VALUE_BYTES), "1.5 KiB");
	ck_assert_str_eq(shown("59999", VALUE_AGE), "59s");
	ck_assert_str_eq(shown("61000", VALUE_AGE), "1m01s");
	ck_assert_str_eq(shown("3723000", VALUE_AGE), "1h02m");
	ck_assert_str_eq(shown("180000000", VALUE_AGE), "2d02h");
	ck_assert_str_eq(shown("1500", VALUE_MICROSECONDS), "1.500 ms");
	ck_assert_str_eq(shown("7", VALUE_NUMBER), "7");
}
END_TEST

START_TEST(objects_are_one_text)
{
	ck_assert_str_eq(shown("{\"age_ms\":5000,\"error\":\"lost\"}", VALUE_EVENT),
	                 "5s ago: lost");
	ck_assert_str_eq(shown("{\"used\":512,\"allowed\":1048576}", VALUE_USE),
	                 "512 B of 1.0 MiB");
	ck_assert_str_eq(shown("{\"env\":\"prod\",\"team\":\"web\"}", VALUE_CLAIM),
	                 "env=prod, team=web");
}
END_TEST

START_TEST(what_has_no_value_is_a_dash)
{
	char text[VALUE_TEXT_SIZE];

	value_text(NULL, VALUE_TEXT, text);
	ck_assert_str_eq(text, "-");
	ck_assert_str_eq(shown("\"\"", VALUE_TEXT), "-");
	ck_assert_str_eq(shown("null", VALUE_NUMBER), "-");
	ck_assert_str_eq(shown("{}", VALUE_CLAIM), "-");
	ck_assert_str_eq(shown("true", VALUE_YES_NO), "yes");
}
END_TEST

/* The cut is between two characters, so the text stays UTF-8. */
START_TEST(a_long_claim_is_cut)
{
	ck_assert_str_eq(
		shown("\"a2345678901234567890123456789012345678901234567890\"", VALUE_CLAIM),
		"a23456789012345678901234567890123456789012345...");
	ck_assert_str_eq(shown("\"a2345678901234567890123456789012345678901234\xc3\xa9"
	                       "\xc3\xa9\xc3\xa9\"",
	                       VALUE_CLAIM),
	                 "a2345678901234567890123456789012345678901234...");
}
END_TEST

SUITE("value_text", numbers_have_units, objects_are_one_text, what_has_no_value_is_a_dash,
      a_long_claim_is_cut)
