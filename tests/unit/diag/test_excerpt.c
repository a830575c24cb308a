#include "diag/excerpt.h"

#include <string.h>

#include "diag/mask.h"
#include "suite.h"

static char *excerpt(struct json_source *source, size_t offset)
{
	static char text[4096];
	FILE *file = fmemopen(text, sizeof text, "w");
	struct mask mask = { 0 };

	ck_assert_ptr_nonnull(file);
	excerpt_print(&mask, source, offset, file);
	fputc('\0', file);
	fclose(file);
	return text;
}

static void check(const char *text, size_t offset, const char *expected)
{
	struct json_source source = { "name", text, strlen(text), NULL, false };

	ck_assert_str_eq(excerpt(&source, offset), expected);
}

START_TEST(the_caret_is_below_its_character)
{
	check("one\ntwo\nthree", 0, "    one\n    ^\n");
	check("one\ntwo\nthree", 5, "    two\n     ^\n");
	check("one\ntwo\nthree", 12, "    three\n        ^\n");
	check("one\r\n", 3, "    one\n       ^\n");
	check("a\xc3\xa9\xe2\x98\x83x", 6, "    a\xc3\xa9\xe2\x98\x83x\n       ^\n");
	check("\t\tx", 2, "      x\n      ^\n");
}
END_TEST

START_TEST(what_is_behind_the_line_has_its_caret_too)
{
	check("one", 3, "    one\n       ^\n");
	check("one", 100, "    one\n       ^\n");
	check("one   \ntwo", 5, "    one\n       ^\n");
}
END_TEST

START_TEST(a_blank_line_is_not_worth_printing)
{
	check("", 0, "");
	check("one\n", 4, "");
	check("one\n \t\r\n", 5, "");
}
END_TEST

START_TEST(nothing_that_a_terminal_obeys_is_printed)
{
	check("a\x1b[2J", 4, "    a [2J\n        ^\n");
	check("\xef\xbb\xbf{}", 3, "    ?{}\n     ^\n");
	check("\xff\xfe\x7f\xc2\x9bm", 5, "    ????m\n        ^\n");
}
END_TEST

START_TEST(what_a_secret_option_has_read_is_hidden)
{
	static const char text[] = "{\"a\":\"hunter2\",\"b\":1}";
	struct json_secret secret = { NULL, 6, 13 };
	struct json_source source = { "name", text, strlen(text), &secret, false };

	ck_assert_str_eq(excerpt(&source, 19),
	                 "    {\"a\":\"*******\",\"b\":1}\n                       ^\n");
}
END_TEST

/* In a file with mistakes, no option may have read the secret. */
START_TEST(what_sounds_like_a_secret_is_hidden_however_it_is_written)
{
	static const char *const hidden[] = {
		"{\"secret\":\"hunter2\"}",
		"{\"secret\" : 'hunter2'}",
		"{'my_password':'hunter2', x",
		"secret: hunter2",
		"api_token = hunter2 hunter2",
		"\"secret\": hunter2, x",
		"\"secret\" \"hunter2\"",
		"\"secret\": \xe2\x80\x9chunter2\xe2\x80\x9d}",
		"\"secret\": \"a\\\"hunter2\"",
		"\"secret\": \"hunter2",
		"\"secrets\": {\"alice\": \"hunter2\", \"bob\": hunter2}",
		"\"secrets\": {\"alice\": {\"key\": \"hunter2\"}, \"bob\": 'hunter2'",
		"\"secrets\": [\"hunter2\", \"hunter2\"",
		"\"secret\": [\"my_hunter2_key\"]",
		"{ // \"secret\": \"hunter2\"",
		"{\"auth\":[{\"use\":\"x,\"secret\":\"hunter2@@me\"}]}",
		"{\"auth\":[{use\":\"x\",\"secret\":\"hunter2@@me\"}]}",
		"{\"use\":\"x,\"secret\":hunter2\"}",
		"{\"use\":\"x,\"sekret\":hunter2\"}",
		"\"sekret\": \"hunter2\", \"secrte\": \"hunter2\", \"secet\": \"hunter2\"",
	};

	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
		struct json_source source = { "name", hidden[i], strlen(hidden[i]), NULL, false };

		ck_assert_msg(strstr(excerpt(&source, 0), "hunter2") == NULL, "%s",
		              excerpt(&source, 0));
	}
}
END_TEST

START_TEST(what_is_beside_a_secret_is_not)
{
	check("{\"secret\":\"x\",\"port\":\"y\"}", 0,
	      "    {\"secret\":\"*\",\"port\":\"y\"}\n    ^\n");
	check("\"secret\": {\"file\": \"f\", \"env\": \"e\"}, \"b\": c", 0,
	      "    \"secret\": {\"file\": \"f\", \"env\": \"e\"}, \"b\": c\n    ^\n");
	check("\"secrets\": {\"a\": \"x\"}, \"b\": \"y\"", 0,
	      "    \"secrets\": {\"a\": \"*\"}, \"b\": \"y\"\n    ^\n");
	check("\"secret_file\": \"x\", \"keyfile\": \"y\", \"secret_rate\": 1, \"server\": \"z\"",
	      0,
	      "    \"secret_file\": \"x\", \"keyfile\": \"y\", \"secret_rate\": 1, \"server\": "
	      "\"z\"\n  "
	      "  ^\n");
	check("[\"a\", {\"use\": \"x\"}]", 0, "    [\"a\", {\"use\": \"x\"}]\n    ^\n");
}
END_TEST

START_TEST(behind_a_missing_quote_a_secret_keeps_its_shape)
{
	check("{\"a\":\"b,\"secret\":\"x@@y\",\"c\":1}", 0,
	      "    {\"a\":\"b,\"secret\":\"****\",\"*\":*}\n    ^\n");
	check("{\"a\":\"b,\"c\":1}", 0, "    {\"a\":\"b,\"c\":1}\n    ^\n");
}
END_TEST

START_TEST(a_secret_of_an_object_on_lines_before_is_hidden)
{
	check("{\"secrets\": {\n\"a\": \"x\"@@,\n\"b\": 1}", 22,
	      "    \"*\": \"*\"**,\n            ^\n");
	check("{\"secrets\": {\n\"a\": {\"file\": \"f\"}}}", 22,
	      "    \"a\": {\"file\": \"f\"}}}\n            ^\n");
	check("{\"secret\":\n\"x\"}", 11, "    \"*\"}\n    ^\n");
	check("{\"secrets: {\n\"a\": \"x\"}", 16, "    \"*\": \"*\"}\n       ^\n");
	check("{\"secrets\": {}\n,\"a\": \"x\"}", 15, "    ,\"a\": \"x\"}\n    ^\n");
}
END_TEST

START_TEST(a_long_line_is_shown_in_part)
{
	static char text[20000], *line, *caret;
	struct json_source source = { "name", text, sizeof text, NULL, false };

	memset(text, '.', sizeof text);
	text[15000] = '4';
	line = excerpt(&source, 15000);
	caret = strchr(line, '\n') + 1;
	ck_assert_uint_lt((size_t)(caret - line), 200);
	ck_assert_int_eq(line[strcspn(caret, "^")], '4');
}
END_TEST

SUITE("excerpt", the_caret_is_below_its_character, what_is_behind_the_line_has_its_caret_too,
      a_blank_line_is_not_worth_printing, nothing_that_a_terminal_obeys_is_printed,
      what_a_secret_option_has_read_is_hidden,
      what_sounds_like_a_secret_is_hidden_however_it_is_written, what_is_beside_a_secret_is_not,
      behind_a_missing_quote_a_secret_keeps_its_shape,
      a_secret_of_an_object_on_lines_before_is_hidden, a_long_line_is_shown_in_part)
