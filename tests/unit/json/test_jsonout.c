#include "json/jsonout.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "suite.h"

static char written[4096];

static struct jsonout begin(void)
{
	memset(written, 0, sizeof written);
	return (struct jsonout){ .out = fmemopen(written, sizeof written, "w") };
}

static const char *end(struct jsonout *json)
{
	cJSON *tree;

	fclose(json->out);
	tree = cJSON_ParseWithOpts(written, NULL, 1);
	ck_assert_msg(tree != NULL, "no JSON: %s", written);
	cJSON_Delete(tree);
	return written;
}

START_TEST(keys_are_escaped_too)
{
	struct jsonout json = begin();

	jsonout_begin(&json, NULL, '{');
	jsonout_int(&json, "a\"\\\n\xff", 1);
	jsonout_end(&json, '}');
	ck_assert_str_eq(end(&json), "{\n  \"a\\\"\\\\\\u000a\\u00ff\": 1\n}\n");
}
END_TEST

START_TEST(values_of_every_type)
{
	struct jsonout json = begin();

	jsonout_begin(&json, NULL, '{');
	jsonout_text(&json, "text", "a");
	jsonout_text(&json, "none", NULL);
	jsonout_int(&json, "int", INT64_MIN);
	jsonout_bool(&json, "yes", true);
	jsonout_bool(&json, "no", false);
	jsonout_end(&json, '}');
	ck_assert_str_eq(
		end(&json),
		"{\n  \"text\": \"a\",\n  \"none\": null,\n"
		"  \"int\": -9223372036854775808,\n  \"yes\": true,\n  \"no\": false\n}\n");
}
END_TEST

START_TEST(containers_nest)
{
	struct jsonout json = begin();

	jsonout_begin(&json, NULL, '[');
	jsonout_begin(&json, NULL, '{');
	jsonout_begin(&json, "empty", '[');
	jsonout_end(&json, ']');
	jsonout_begin(&json, "full", '[');
	jsonout_int(&json, NULL, 1);
	jsonout_int(&json, NULL, 2);
	jsonout_end(&json, ']');
	jsonout_end(&json, '}');
	jsonout_text(&json, NULL, "behind");
	jsonout_end(&json, ']');
	ck_assert_str_eq(
		end(&json),
		"[\n  {\n    \"empty\": [],\n    \"full\": [\n      1,\n      2\n    ]\n  },\n"
		"  \"behind\"\n]\n");
}
END_TEST

START_TEST(every_byte_is_escaped_into_printable_ascii)
{
	struct jsonout json = begin();
	char bytes[256];
	cJSON *tree;

	for (int i = 1; i < 256; i++)
		bytes[i - 1] = (char)i;
	bytes[255] = '\0';
	jsonout_text(&json, NULL, bytes);
	end(&json);
	for (const char *c = written; *c; c++)
		ck_assert_msg(*c >= 0x20 && *c < 0x7F, "%d at %td", *c, c - written);
	bytes[127] = '\0'; /* ASCII is read back unchanged */
	tree = cJSON_Parse(written);
	ck_assert_int_eq(strncmp(tree->valuestring, bytes, 127), 0);
	cJSON_Delete(tree);
}
END_TEST

START_TEST(what_is_json_is_a_value_and_the_rest_a_string)
{
	static const char *const values[] = { "5", "\"1.5s\"", "[1, {\"a\": null}]", "true" };
	static const char *const strings[] = { "",    "nonsense",     "[1",     "01",
		                               "1 2", "\"\xc3\xa9\"", "[1,\n2]" };

	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct jsonout json = begin();

		jsonout_value(&json, NULL, values[i]);
		ck_assert_str_eq(end(&json), values[i]);
	}
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
		struct jsonout json = begin();

		jsonout_value(&json, NULL, strings[i]);
		ck_assert_int_eq(end(&json)[0], '"');
	}
}
END_TEST

SUITE("jsonout", values_of_every_type, keys_are_escaped_too, containers_nest,
      every_byte_is_escaped_into_printable_ascii, what_is_json_is_a_value_and_the_rest_a_string)
