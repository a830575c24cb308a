#include "json/parse.h"

#include <stdio.h>
#include <string.h>

#include "json_text.h"
#include "suite.h"

START_TEST(a_tree_has_all_values)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = json_text_good(
		doc, "{\"n\":-1.50,\"s\":\"caf\\u00e9\",\"t\":true,\"f\":false,\"z\":null,"
		     "\"a\":[1,[2]],\"o\":{}}");

	ck_assert_int_eq(root->type, JSON_OBJECT);
	ck_assert_uint_eq(root->count, 7);
	ck_assert_str_eq(json_get(root, "n")->raw, "-1.50");
	ck_assert_uint_eq(json_get(root, "n")->len, 5);
	ck_assert_double_eq(json_get(root, "n")->number, -1.5);
	ck_assert_str_eq(json_get(root, "s")->raw, "caf\xc3\xa9");
	ck_assert_uint_eq(json_get(root, "s")->len, 5);
	ck_assert(json_get(root, "t")->boolean);
	ck_assert_int_eq(json_get(root, "f")->type, JSON_BOOL);
	ck_assert(!json_get(root, "f")->boolean);
	ck_assert_int_eq(json_get(root, "z")->type, JSON_NULL);
	ck_assert_uint_eq(json_get(root, "a")->count, 2);
	ck_assert_str_eq(json_get(root, "a")->last->first->raw, "2");
	ck_assert_uint_eq(json_get(root, "o")->count, 0);
	ck_assert_ptr_null(json_get(root, "x"));
	ck_assert_ptr_null(json_get(json_get(root, "a"), "n"));
	ck_assert_ptr_null(json_get(NULL, "n"));
	json_doc_free(doc);
}
END_TEST

static void check_mistake(const char *text, size_t offset, const char *expected)
{
	struct json_doc *doc = json_doc_new();
	struct json_error error;

	ck_assert_msg(json_text_parse(doc, text, &error) == NULL, "%s", text);
	ck_assert_str_eq(error.text, expected);
	ck_assert_msg(error.offset == offset, "%s: %zu", text, error.offset);
	json_doc_free(doc);
}

START_TEST(a_mistake_says_what_and_where)
{
	check_mistake("{\"a\" 1}", 5, "expected ':' after the key, found '1'");
	check_mistake("{\"a\":1", 6,
	              "expected '}' for the '{' of line 1, found the end of the file");
	check_mistake("[1,\n2\n", 6,
	              "expected ']' for the '[' of line 1, found the end of the file");
	check_mistake("{\"a\":\n}", 6, "expected a value, found '}'");
	check_mistake("{\"a\"\n:\"\n\"}", 6,
	              "expected a closing '\"' for this string, found the end of the line");
	check_mistake("[\x01]", 1, "expected a value, found '\\x01'");
	check_mistake("", 0, "expected '{', found an empty file");
}
END_TEST

START_TEST(a_key_twice_is_a_mistake)
{
	check_mistake("{\"a\":1,\"b\":2,\"a\":3}", 13, "expected each key once, found \"a\" again");
	check_mistake("{\"x\":{\"a\":1,\"\\u0061\":3}}", 12,
	              "expected each key once, found \"a\" again");
	check_mistake("[{},{\"\":1,\"\":2}]", 10, "expected each key once, found \"\" again");
}
END_TEST

START_TEST(the_same_key_in_two_objects_is_none)
{
	struct json_doc *doc = json_doc_new();

	json_text_good(doc, "{\"a\":{\"a\":1},\"b\":{\"a\":1},\"A\":0}");
	json_doc_free(doc);
}
END_TEST

START_TEST(a_nul_in_a_text_is_a_mistake)
{
	check_mistake("{\"a\":\"x\\u0000y\"}", 5,
	              "expected a string without NUL (\\u0000), found one");
	check_mistake("[\"\\u0000\"]", 1, "expected a string without NUL (\\u0000), found one");
}
END_TEST

/* The scanner accepts any number of digits, so the tree must, too. */
START_TEST(long_numbers_are_kept_as_written)
{
	struct json_doc *doc = json_doc_new();
	char text[400];

	for (size_t digits = 60; digits <= 300; digits += 20) {
		struct json *root;
		struct json_error error;

		snprintf(text, sizeof text, "{\"n\":%0*d,\"m\":1}", (int)digits, 0);
		text[5] = '1';
		root = json_text_parse(doc, text, &error);
		ck_assert_msg(root != NULL, "%zu digits: %s", digits, error.text);
		ck_assert_uint_eq(json_get(root, "n")->len, digits);
		ck_assert_double_gt(json_get(root, "n")->number, 1e58);
	}
	json_doc_free(doc);
}
END_TEST

START_TEST(the_source_is_a_copy)
{
	struct json_doc *doc = json_doc_new();
	char text[] = "{\"a\":\"b\"}", name[] = "n";
	struct json_source *source = json_source_add(doc, name, text, strlen(text));
	struct json_error error;
	struct json *root;

	memset(text, 'x', sizeof text);
	name[0] = 'x';
	root = json_parse(doc, source, &error);
	ck_assert_ptr_nonnull(root);
	ck_assert_str_eq(json_get(root, "a")->raw, "b");
	ck_assert_str_eq(source->name, "n");
	json_doc_free(doc);
}
END_TEST

struct report {
	unsigned n;
	size_t first, last; /* offsets */
};

static void count_mistake(void *arg, size_t offset, const char *text)
{
	struct report *report = arg;

	ck_assert_int_eq(strncmp(text, "expected ", 9), 0);
	if (report->n++ == 0)
		report->first = offset;
	report->last = offset;
}

START_TEST(all_mistakes_are_reported_and_the_rest_is_read)
{
	static const char text[] = "{\"a\": yes, // b\n\"a\": 2, \"c\": [1,], \"d\": \"\\q\"}";
	struct json_doc *doc = json_doc_new();
	struct json_source *source = json_source_add(doc, "t", text, strlen(text));
	struct report report = { 0 };
	struct json *root = json_parse_all(doc, source, count_mistake, &report);

	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(report.n, 5);
	ck_assert_uint_eq(report.first, 6);
	ck_assert(json_get(root, "a")->unknown);
	ck_assert_uint_eq(json_get(root, "a")->offset, 6);
	ck_assert_uint_eq(json_get(root, "c")->count, 1);
	ck_assert(!json_get(root, "c")->unknown);
	ck_assert(json_get(root, "d")->unknown);
	ck_assert_uint_eq(root->count, 3); /* "a" again is left out */
	json_doc_free(doc);
}
END_TEST

START_TEST(what_cannot_be_read_at_all_is_null)
{
	struct json_doc *doc = json_doc_new();
	struct json_source *source = json_source_add(doc, "t", "port = 1", 8);
	struct report report = { 0 };

	ck_assert_ptr_null(json_parse_all(doc, source, count_mistake, &report));
	ck_assert_uint_eq(report.n, 1);
	json_doc_free(doc);
}
END_TEST

SUITE("parse", a_tree_has_all_values, a_mistake_says_what_and_where, a_key_twice_is_a_mistake,
      the_same_key_in_two_objects_is_none, a_nul_in_a_text_is_a_mistake,
      long_numbers_are_kept_as_written, the_source_is_a_copy,
      all_mistakes_are_reported_and_the_rest_is_read, what_cannot_be_read_at_all_is_null)
