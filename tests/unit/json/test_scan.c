#include "json/scan.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

/* Scans a copy of exactly this size, so that a sanitizer sees a read past the end. */
static long scan(const char *text, size_t len, struct scan_token *tokens, size_t max,
                 struct scan_error *error)
{
	char *exact = malloc(len ? len : 1);
	long n;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, text, len);
	n = scan_json(exact, len, tokens, max, error);
	free(exact);
	return n;
}

START_TEST(takes_every_kind_of_value)
{
	static const char *const good[] = {
		"0",
		"-0",
		"1",
		"-1",
		"10",
		"1.0",
		"0.5",
		"-0.5e-10",
		"1e3",
		"1E+3",
		"1e-3",
		"0e0",
		"123456789012345678901234",
		"true",
		"false",
		"null",
		" \t\r\n1\t\r\n ",
		"\"\"",
		"\"a\"",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
		"\"\\u0041\\uD83D\\uDE00\\ud7ff\\ue000\"",
		"\"\xc3\xa9\xe2\x98\x83\xf0\x9f\x98\x80\x7f\"",
		"\"\\u0000\"",
		"[]",
		"[ ]",
		"[1]",
		"[1,2]",
		"[ 1 , [ ] , { } ]",
		"{}",
		"{ }",
		"{\"a\":1}",
		"{\"\":{}}",
		"{ \"a\" : 1 , \"b\" : [ true , null ] }",
		"{\"a\":1,\"a\":2}",
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct scan_error error = { .expected = "" };

		ck_assert_msg(scan(good[i], strlen(good[i]), NULL, 0, &error) > 0, "%s: %zu: %s",
		              good[i], error.offset, error.expected);
	}
}
END_TEST

struct refusal {
	const char *text;
	size_t offset;
	const char *expected;
};

static void check_refusals(const struct refusal *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct scan_error error = { .expected = "" };

		ck_assert_msg(scan(cases[i].text, strlen(cases[i].text), NULL, 0, &error) == -1,
		              "%s", cases[i].text);
		ck_assert_msg(error.offset == cases[i].offset, "%s: %zu", cases[i].text,
		              error.offset);
		ck_assert_msg(strcmp(error.expected, cases[i].expected) == 0, "%s: %s",
		              cases[i].text, error.expected);
	}
}

#define CHECK_REFUSALS(...)                                                                        \
	do {                                                                                       \
		static const struct refusal cases_[] = { __VA_ARGS__ };                            \
		check_refusals(cases_, sizeof cases_ / sizeof *cases_);                            \
	} while (0)

START_TEST(refuses_wrong_structure_where_it_stands)
{
	CHECK_REFUSALS(
		{ "", 0, "a value" }, { "  ", 2, "a value" }, { "x", 0, "a value" },
		{ "\xef\xbb\xbf{}", 0, "a value" }, { "'a'", 0, "a value" },
		{ "[1,]", 3, "a value" }, { "[,1]", 1, "a value" }, { "[1 2]", 3, "',' or ']'" },
		{ "[1", 2, "',' or ']'" }, { "[", 1, "a value" }, { "]", 0, "a value" },
		{ "[1}", 2, "',' or ']'" }, { "{", 1, "a key in double quotes" },
		{ "{\"a\":1,}", 7, "a key in double quotes" },
		{ "{a:1}", 1, "a key in double quotes" }, { "{1:1}", 1, "a key in double quotes" },
		{ "{,}", 1, "a key in double quotes" }, { "{\"a\"}", 4, "':' after the key" },
		{ "{\"a\" 1}", 5, "':' after the key" }, { "{\"a\":}", 5, "a value" },
		{ "{\"a\":1 \"b\":2}", 7, "',' or '}'" }, { "{\"a\":1]", 6, "',' or '}'" },
		{ "1 2", 2, "nothing more after the value" },
		{ "{}}", 2, "nothing more after the value" },
		{ "null,", 4, "nothing more after the value" }, { "// c\n1", 0, "a value" },
		{ "1 // c", 2, "nothing more after the value" }, { "[1,\v2]", 3, "a value" });
}
END_TEST

START_TEST(refuses_wrong_scalars_where_they_stand)
{
	CHECK_REFUSALS({ "01", 0, "a number without a leading zero" },
	               { "-01", 1, "a number without a leading zero" },
	               { "00", 0, "a number without a leading zero" }, { "-", 1, "a digit" },
	               { "-a", 1, "a digit" }, { "+1", 0, "a value" }, { ".5", 0, "a value" },
	               { "1.", 2, "a digit" }, { "1.e3", 2, "a digit" }, { "1e", 2, "a digit" },
	               { "1e+", 3, "a digit" }, { "1ex", 2, "a digit" },
	               { "0x10", 1, "nothing more after the value" },
	               { "1_000", 1, "nothing more after the value" }, { "NaN", 0, "a value" },
	               { "Infinity", 0, "a value" }, { "-Infinity", 1, "a digit" },
	               { "True", 0, "a value" }, { "tru", 0, "a value" }, { "nul", 0, "a value" },
	               { "trueish", 4, "nothing more after the value" });
}
END_TEST

START_TEST(refuses_wrong_strings_where_they_stand)
{
	static const char escape[] = "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX";
	static const char hex[] = "four hexadecimal digits after \\u";
	static const char raw[] = "no control byte in a string (use an escape)";
	static const char close[] = "a closing '\"' for this string";
	static const char low[] = "a low surrogate after a high one";
	const struct refusal cases[] = {
		{ "\"", 0, close },
		{ "[\"abc", 1, close },
		{ "\"\\\"", 0, close },
		{ "\"ab\n\"", 0, close },
		{ "\"ab\r\n\"", 0, close },
		{ "\"a\\x41\"", 2, escape },
		{ "\"\\", 1, escape },
		{ "\"\\'\"", 1, escape },
		{ "\"\\U0041\"", 1, escape },
		{ "\"\\u12\"", 5, hex },
		{ "\"\\u12g4\"", 5, hex },
		{ "\"\\u", 3, hex },
		{ "\"\\u-123\"", 3, hex },
		{ "\"\t\"", 1, raw },
		{ "\"ab\rc\"", 3, raw },
		{ "\"\x1f\"", 1, raw },
		{ "\"\\udc00\"", 1, "a high surrogate before a low one" },
		{ "\"a\\ud800\"", 2, low },
		{ "\"\\ud800\\u0041\"", 1, low },
		{ "\"\\ud800\\ud800\"", 1, low },
		{ "\"\\ud800\\n\"", 1, low },
		{ "\"\\ud800", 1, low },
		{ "\"\\ud800\\uDC0\"", 12, hex },
		{ "\"a\xc3\"", 2, "well-formed UTF-8" },
		{ "\"\xff\"", 1, "well-formed UTF-8" },
		{ "\"\xed\xa0\x80\"", 1, "well-formed UTF-8" },
		{ "\"abc\xc0\xaf\"", 4, "well-formed UTF-8" },
		{ "{\"a\\u0000\":1}", 3, "a key without NUL (\\u0000)" },
	};

	check_refusals(cases, sizeof cases / sizeof *cases);
}
END_TEST

/* The place in the grammar, for messages. */
START_TEST(a_refusal_knows_its_place_in_the_grammar)
{
	static const struct {
		const char *text;
		enum scan_place place;
		size_t container;
	} cases[] = {
		{ "", SCAN_AT_VALUE, SCAN_NO_CONTAINER },   { "[1,]", SCAN_AT_VALUE, 0 },
		{ "{\"a\":[[],x]}", SCAN_AT_VALUE, 5 },     { "{,}", SCAN_AT_KEY, 0 },
		{ "[{\"a\"}]", SCAN_AT_COLON, 1 },          { "[{} 1]", SCAN_AT_COMMA, 0 },
		{ "{} 1", SCAN_AT_END, SCAN_NO_CONTAINER }, { "[01]", SCAN_IN_NUMBER, 0 },
		{ "-", SCAN_IN_NUMBER, SCAN_NO_CONTAINER }, { "[\"\\x\"]", SCAN_IN_STRING, 0 },
		{ "{\"a\":\"b\n\"}", SCAN_UNCLOSED, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scan_error error = { .expected = "" };

		ck_assert_int_eq(scan(cases[i].text, strlen(cases[i].text), NULL, 0, &error), -1);
		ck_assert_msg(error.place == cases[i].place, "%s: %d", cases[i].text, error.place);
		ck_assert_msg(error.container == cases[i].container, "%s: %zu", cases[i].text,
		              error.container);
	}
}
END_TEST

START_TEST(refuses_a_nul_byte_anywhere)
{
	static const char text[] = "{\"ab\":[1,\"c\\n\",true]}";
	struct scan_error error;

	for (size_t at = 0; at < sizeof text - 1; at++) {
		char with_nul[sizeof text];

		memcpy(with_nul, text, sizeof text);
		with_nul[at] = '\0';
		ck_assert_int_eq(scan(with_nul, sizeof text - 1, NULL, 0, &error), -1);
	}
	ck_assert_int_eq(scan("1\0", 2, NULL, 0, &error), -1);
	ck_assert_uint_eq(error.offset, 1);
}
END_TEST

/* A NUL is not an escape, although it ends the string with the escapes. */
START_TEST(names_the_escape_that_a_nul_byte_is_not)
{
	struct scan_error error;

	ck_assert_int_eq(scan("\"a\\\0b\"", 6, NULL, 0, &error), -1);
	ck_assert_uint_eq(error.offset, 2);
	ck_assert_int_eq(strncmp(error.expected, "one of ", 7), 0);
}
END_TEST

static bool nests(size_t depth, struct scan_error *error)
{
	char text[256];

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	return scan(text, 2 * depth, NULL, 0, error) == (long)depth;
}

START_TEST(nesting_is_bounded)
{
	struct scan_error error;

	ck_assert(nests(SCAN_MAX_DEPTH, &error));
	ck_assert(!nests(SCAN_MAX_DEPTH + 1, &error));
	ck_assert_uint_eq(error.offset, SCAN_MAX_DEPTH);
	ck_assert(!nests(128, &error));
}
END_TEST

START_TEST(tokens_tell_type_place_and_count)
{
	static const char text[] = " {\"k\":[1,-2.5,\"x\\u0000\\u0000\"], \"\":null}";
	static const struct scan_token expected[] = {
		{ SCAN_OBJECT, 1, 40, 2 },  { SCAN_STRING, 3, 4, 0 },    { SCAN_ARRAY, 6, 31, 3 },
		{ SCAN_NUMBER, 7, 8, 0 },   { SCAN_NUMBER, 9, 13, 0 },   { SCAN_STRING, 15, 28, 2 },
		{ SCAN_STRING, 33, 33, 0 }, { SCAN_LITERAL, 35, 39, 0 },
	};
	enum { N = sizeof expected / sizeof *expected };
	struct scan_token tokens[N] = { 0 };
	struct scan_error error;

	ck_assert_int_eq(scan(text, strlen(text), tokens, N, &error), N);
	for (size_t i = 0; i < N; i++) {
		ck_assert_msg(tokens[i].type == expected[i].type, "%zu: type %u", i,
		              tokens[i].type);
		ck_assert_msg(tokens[i].count == expected[i].count, "%zu: count %u", i,
		              tokens[i].count);
		ck_assert_msg(tokens[i].type == SCAN_OBJECT || tokens[i].type == SCAN_ARRAY ||
		                      (tokens[i].start == expected[i].start &&
		                       tokens[i].end == expected[i].end),
		              "%zu: %u to %u", i, tokens[i].start, tokens[i].end);
	}
	ck_assert_int_eq(text[tokens[0].start], '{');
	ck_assert_int_eq(text[tokens[0].end - 1], '}');
	ck_assert_uint_eq(tokens[0].end, strlen(text));
	ck_assert_int_eq(text[tokens[2].start], '[');
	ck_assert_int_eq(text[tokens[2].end - 1], ']');
}
END_TEST

START_TEST(fewer_tokens_than_there_are_is_no_overrun)
{
	static const char text[] = "[1,[2,{\"a\":3}],4]";
	struct scan_token tokens[9], guard;
	struct scan_error error;
	long all = scan(text, strlen(text), NULL, 0, &error);

	memset(&guard, 0xA5, sizeof guard);
	ck_assert_int_eq(all, 8);
	for (size_t max = 0; max <= 8; max++) {
		memset(tokens, 0xA5, sizeof tokens);
		ck_assert_int_eq(scan(text, strlen(text), tokens, max, &error), all);
		ck_assert_mem_eq(&tokens[max], &guard, sizeof guard);
	}
}
END_TEST

/* cJSON accepts every text that the scanner accepts. No prefix of such a text is accepted. */
START_TEST(every_cut_of_a_text_is_refused)
{
	static const char text[] =
		"{\"a\":[1.5e3,\"\\ud83d\\ude00\xc3\xa9\",{\"b\":null}],\"c\":false}";
	struct scan_error error;
	cJSON *tree;

	for (size_t len = 0; len < sizeof text - 1; len++) {
		ck_assert_int_eq(scan(text, len, NULL, 0, &error), -1);
		ck_assert_uint_le(error.offset, len);
	}
	ck_assert_int_eq(scan(text, sizeof text - 1, NULL, 0, &error), 10);
	tree = cJSON_ParseWithLength(text, sizeof text - 1);
	ck_assert_ptr_nonnull(tree);
	cJSON_Delete(tree);
}
END_TEST

START_TEST(changed_bytes_never_crash_and_agree_with_cjson)
{
	static const char text[] =
		"{\"a\":[1.5e3,\"\\ud83d\\ude00\xc3\xa9\",{\"b\":null}],\"c\":-10}";
	struct scan_token tokens[64];
	struct scan_error error;

	for (size_t at = 0; at < sizeof text - 1; at++) {
		for (int byte = 0; byte < 256; byte++) {
			char changed[sizeof text];
			long n;

			memcpy(changed, text, sizeof text);
			changed[at] = (char)byte;
			n = scan(changed, sizeof text - 1, tokens, 64, &error);
			if (n > 0) {
				cJSON *tree = cJSON_ParseWithLength(changed, sizeof text - 1);

				ck_assert_msg(tree != NULL, "%s", changed);
				cJSON_Delete(tree);
			} else {
				ck_assert_uint_le(error.offset, sizeof text - 1);
			}
		}
	}
}
END_TEST

SUITE("scan", takes_every_kind_of_value, refuses_wrong_structure_where_it_stands,
      refuses_wrong_scalars_where_they_stand, refuses_wrong_strings_where_they_stand,
      a_refusal_knows_its_place_in_the_grammar, refuses_a_nul_byte_anywhere,
      names_the_escape_that_a_nul_byte_is_not, nesting_is_bounded, tokens_tell_type_place_and_count,
      fewer_tokens_than_there_are_is_no_overrun, every_cut_of_a_text_is_refused,
      changed_bytes_never_crash_and_agree_with_cjson)
