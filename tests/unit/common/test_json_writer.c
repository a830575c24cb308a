#include "json_writer.h"

#include "suite.h"

static void expect(struct json_writer *json, const char *text)
{
	ck_assert(json_writer_is_good(json));
	ck_assert_uint_eq(json->len, strlen(text));
	ck_assert_mem_eq(json->bytes, text, json->len);
	json_writer_fini(json);
	ck_assert_ptr_null(json->bytes);
}

START_TEST(commas_come_by_themselves)
{
	struct json_writer json = { 0 };

	json_writer_open(&json, '{');
	json_writer_key(&json, "a");
	json_writer_number(&json, -5);
	json_writer_key(&json, "b");
	json_writer_open(&json, '[');
	json_writer_bool(&json, true);
	json_writer_open(&json, '{');
	json_writer_close(&json, '}');
	json_writer_hex(&json, (spore_str){ "\x00\xFE", 2 });
	json_writer_close(&json, ']');
	json_writer_key(&json, "c");
	json_writer_bool(&json, false);
	json_writer_close(&json, '}');
	expect(&json, "{\"a\":-5,\"b\":[true,{},\"00fe\"],\"c\":false}");
}
END_TEST

static void expect_string(const char *text, size_t len, const char *written)
{
	struct json_writer json = { 0 };

	json_writer_string(&json, (spore_str){ text, len });
	expect(&json, written);
}

START_TEST(texts_are_escaped)
{
	expect_string("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
	expect_string("\0\n\x1f\x7f", 4, "\"\\u0000\\u000a\\u001f\x7f\"");
	expect_string("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 9,
	              "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"");
}
END_TEST

START_TEST(what_is_no_utf8_is_replaced)
{
	expect_string("\xFFz", 2, "\"\\ufffdz\"");
	expect_string("\xC3", 1, "\"\\ufffd\"");                       /* cut */
	expect_string("\xC0\x80", 2, "\"\\ufffd\\ufffd\"");            /* overlong */
	expect_string("\xED\xA0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\""); /* a surrogate */
}
END_TEST

START_TEST(a_long_text_grows)
{
	struct json_writer json = { 0 };

	json_writer_open(&json, '[');
	for (size_t i = 0; i < 1000; i++)
		json_writer_number(&json, 1);
	json_writer_close(&json, ']');
	ck_assert_uint_eq(json.len, 2001);
	ck_assert_mem_eq(json.bytes + 1995, "1,1,1]", 6);
	json_writer_fini(&json);
}
END_TEST

SUITE("json_writer", commas_come_by_themselves, texts_are_escaped, what_is_no_utf8_is_replaced,
      a_long_text_grows)
