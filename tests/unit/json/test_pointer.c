#include "json/pointer.h"

#include <string.h>

#include "json_text.h"
#include "suite.h"

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
	struct json *root = json_text_good(
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
	struct json *node = json_get(json_text_good(doc, "{\"key\":[0,1,2,{\"a~b\":{\"x\":1}}]}"),
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
	struct json *root = json_text_good(doc, "{\"a/b~c\":[1,{\"d\":true,\"\":2}],\"a\":3}");
	const struct json *array = json_get(root, "a/b~c");

	ck_assert_ptr_eq(json_at(root, ""), root);
	ck_assert_ptr_eq(json_at(root, "/a"), json_get(root, "a"));
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c"), array);
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c/1/d"), json_get(array->last, "d"));
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c/1/"), json_get(array->last, ""));
	ck_assert_ptr_eq(json_at(array, "/0"), array->first);
	/* A pointer that leads nowhere ends at the last node on its way. */
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c/2"), array);
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c/x/d"), array);
	ck_assert_ptr_eq(json_at(root, "/a~1b~0c/1/dd"), array->last);
	ck_assert_ptr_eq(json_at(root, "/none/1"), root);
	ck_assert_ptr_eq(json_at(root, "a"), root);
	ck_assert_ptr_eq(json_at(root, "/a/b~c"), json_get(root, "a"));
	json_doc_free(doc);
}
END_TEST

START_TEST(a_moved_node_keeps_its_written_place)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = json_text_good(doc, "{\"o\":{\"a\":{\"b\":1}}}");
	struct json *a = json_get(json_get(root, "o"), "a");
	char text[32];

	a->written_as = "short";
	json_pointer(a->first, text, sizeof text);
	ck_assert_str_eq(text, "/short/b");
	json_doc_free(doc);
}
END_TEST

SUITE("pointer", every_node_knows_its_place, a_position_past_the_end_is_the_end,
      a_pointer_is_cut_at_its_size, a_pointer_finds_its_node, a_moved_node_keeps_its_written_place)
