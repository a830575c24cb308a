#include "json/json.h"
#include "json/parse.h"
#include "json/pointer.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static struct json *parse(struct json_doc *doc, const char *text, struct json_error *error)
{
	struct json_source *source = json_source_add(doc, "test.json", text, strlen(text));

	ck_assert_ptr_nonnull(source);
	return json_parse(doc, source, error);
}

static struct json *parse_good(struct json_doc *doc, const char *text)
{
	struct json_error error;
	struct json *node = parse(doc, text, &error);

	ck_assert_msg(node != NULL, "%s", error.text);
	return node;
}

START_TEST(a_tree_has_all_values)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse_good(
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

static void check_place(const struct json *node, unsigned line, unsigned column,
                        const char *pointer)
{
	char text[128];
	unsigned l, c;

	json_position(node->source->text, node->source->len, node->offset, &l, &c);
	ck_assert_msg(l == line && c == column, "%s: %u:%u", pointer, l, c);
	json_pointer(node, text, sizeof text);
	ck_assert_str_eq(text, pointer);
}

START_TEST(every_node_knows_its_place)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse_good(
		doc, "{\n  \"caf\xc3\xa9\": \"x\",\n\t\"a/b~c\": [ 1, {\"d\": true} ]\n}");
	const struct json *array = json_get(root, "a/b~c"), *d = json_get(array->last, "d");
	unsigned line, column;

	check_place(root, 1, 1, "");
	check_place(json_get(root, "caf\xc3\xa9"), 2, 11, "/caf\xc3\xa9");
	check_place(array, 3, 11, "/a~1b~0c");
	check_place(array->first, 3, 13, "/a~1b~0c/0");
	check_place(d, 3, 22, "/a~1b~0c/1/d");
	json_position(root->source->text, root->source->len, d->key_offset, &line, &column);
	ck_assert_uint_eq(line, 3);
	ck_assert_uint_eq(column, 17);
	ck_assert_int_eq(root->source->text[d->key_offset], '"');
	json_doc_free(doc);
}
END_TEST

START_TEST(a_position_past_the_end_is_the_end)
{
	unsigned line, column;

	json_position("a\nbc", 4, 100, &line, &column);
	ck_assert_uint_eq(line, 2);
	ck_assert_uint_eq(column, 3);
	json_position("", 0, 0, &line, &column);
	ck_assert_uint_eq(line, 1);
	ck_assert_uint_eq(column, 1);
}
END_TEST

START_TEST(a_pointer_is_cut_at_its_size)
{
	struct json_doc *doc = json_doc_new();
	struct json *node = json_get(parse_good(doc, "{\"key\":[0,1,2,{\"a~b\":{\"x\":1}}]}"),
	                             "key")
	                            ->last->first->first;
	char whole[64];

	json_pointer(node, whole, sizeof whole);
	ck_assert_str_eq(whole, "/key/3/a~0b/x");
	for (size_t size = 1; size < 20; size++) {
		char cut[24];

		memset(cut, '#', sizeof cut);
		json_pointer(node, cut, size);
		ck_assert_uint_lt(strlen(cut), size);
		ck_assert_int_eq(cut[size], '#');
	}
	json_doc_free(doc);
}
END_TEST

START_TEST(a_pointer_finds_its_node)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse_good(doc, "{\"a/b~c\":[1,{\"d\":true,\"\":2}],\"a\":3}");
	const struct json *array = json_get(root, "a/b~c");

	ck_assert_ptr_eq(json_at(root, ""), root);
	ck_assert_ptr_eq(json_at(root, "/a"), json_get(root, "a"));
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c"), array);
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c/1/d"), json_get(array->last, "d"));
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c/1/"), json_get(array->last, ""));
	ck_assert_ptr_eq(json_at(array, "/0"), array->first);
	/* As far as it goes. */
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c/2"), array);
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c/x/d"), array);
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c/1/dd"), array->last);
	ck_assert_ptr_eq(json_at(root, "/none/1"), root);
	ck_assert_ptr_eq(json_at(root, "a"), root);
	ck_assert_ptr_eq(json_at(root, "/a/b~c"), json_get(root, "a"));
	json_doc_free(doc);
}
END_TEST

static void check_mistake(const char *text, size_t offset, const char *expected)
{
	struct json_doc *doc = json_doc_new();
	struct json_error error;

	ck_assert_msg(parse(doc, text, &error) == NULL, "%s", text);
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

	parse_good(doc, "{\"a\":{\"a\":1},\"b\":{\"a\":1},\"A\":0}");
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

/* The scanner takes any number of digits; the tree must take what the scanner takes. */
START_TEST(long_numbers_are_kept_as_written)
{
	struct json_doc *doc = json_doc_new();
	char text[400];

	for (size_t digits = 60; digits <= 300; digits += 20) {
		struct json *root;
		struct json_error error;

		snprintf(text, sizeof text, "{\"n\":%0*d,\"m\":1}", (int)digits, 0);
		text[5] = '1';
		root = parse(doc, text, &error);
		ck_assert_msg(root != NULL, "%zu digits: %s", digits, error.text);
		ck_assert_uint_eq(json_get(root, "n")->len, digits);
		ck_assert_double_gt(json_get(root, "n")->number, 1e58);
	}
	json_doc_free(doc);
}
END_TEST

static void check_children(const struct json *container, const char *const *keys, size_t n)
{
	const struct json *child = container->first;

	ck_assert_uint_eq(container->count, n);
	for (size_t i = 0; i < n; i++, child = child->next) {
		ck_assert_ptr_nonnull(child);
		ck_assert_str_eq(child->key, keys[i]);
		ck_assert_ptr_eq(child->parent, container);
		ck_assert(i + 1 < n || child == container->last);
	}
	ck_assert_ptr_null(child);
	ck_assert(n > 0 || !container->last);
}

START_TEST(nodes_move_between_containers)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse_good(doc, "{\"a\":1,\"b\":2,\"c\":3,\"o\":{}}");
	struct json *a = json_get(root, "a"), *b = json_get(root, "b"), *c = json_get(root, "c");
	struct json *o = json_get(root, "o");

	json_detach(b);
	check_children(root, (const char *const[]){ "a", "c", "o" }, 3);
	ck_assert_ptr_null(b->parent);
	json_detach(b);
	json_add(doc, o, "moved", a);
	json_add(doc, o, "b", b);
	check_children(root, (const char *const[]){ "c", "o" }, 2);
	check_children(o, (const char *const[]){ "moved", "b" }, 2);
	json_detach(o);
	json_add(doc, root, "last", o);
	check_children(root, (const char *const[]){ "c", "last" }, 2);
	json_detach(o);
	json_detach(c);
	check_children(root, NULL, 0);
	json_add(doc, root, "c", c);
	check_children(root, (const char *const[]){ "c" }, 1);
	json_doc_free(doc);
}
END_TEST

START_TEST(adding_to_the_same_container_moves_to_its_end)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse_good(doc, "{\"a\":1,\"b\":2}");

	json_add(doc, root, "a", json_get(root, "a"));
	check_children(root, (const char *const[]){ "b", "a" }, 2);
	json_doc_free(doc);
}
END_TEST

START_TEST(fresh_nodes_have_no_text_behind_them)
{
	struct json_doc *doc = json_doc_new();
	struct json_source *flag = json_source_add(doc, "--port", NULL, 0);
	struct json *array = json_new(doc, JSON_ARRAY, NULL, flag);
	struct json *number = json_new(doc, JSON_NUMBER, "42", flag),
		    *text = json_new(doc, JSON_STRING, "", flag);
	char pointer[32];

	ck_assert_ptr_null(flag->text);
	json_add(doc, json_doc_root(doc), "list", array);
	json_add(doc, array, NULL, text);
	json_add(doc, array, NULL, number);
	ck_assert_double_eq(number->number, 42);
	ck_assert_uint_eq(text->len, 0);
	json_pointer(number, pointer, sizeof pointer);
	ck_assert_str_eq(pointer, "/list/1");
	json_doc_free(doc);
	json_doc_free(NULL);
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

SUITE("json", a_tree_has_all_values, every_node_knows_its_place, a_position_past_the_end_is_the_end,
      a_pointer_is_cut_at_its_size, a_pointer_finds_its_node, a_mistake_says_what_and_where,
      a_key_twice_is_a_mistake, the_same_key_in_two_objects_is_none, a_nul_in_a_text_is_a_mistake,
      long_numbers_are_kept_as_written, nodes_move_between_containers,
      adding_to_the_same_container_moves_to_its_end, fresh_nodes_have_no_text_behind_them,
      the_source_is_a_copy)
