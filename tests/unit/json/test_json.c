#include "json/json.h"

#include <string.h>

#include "json_text.h"
#include "suite.h"
#include "json/pointer.h"

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
	struct json *root = json_text_good(doc, "{\"a\":1,\"b\":2,\"c\":3,\"o\":{}}");
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
	struct json *root = json_text_good(doc, "{\"a\":1,\"b\":2}");

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

START_TEST(memory_of_a_document_is_zeroed)
{
	struct json_doc *doc = json_doc_new();
	const char *memory = json_doc_alloc(doc, 100);

	for (size_t i = 0; i < 100; i++)
		ck_assert_int_eq(memory[i], 0);
	ck_assert_str_eq(json_doc_text(doc, "texts", 4), "text");
	json_doc_free(doc);
}
END_TEST

START_TEST(a_secret_is_marked_in_its_source)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = json_text_good(doc, "{\"a\":\"xyz\",\"b\":123}");
	const struct json *a = json_get(root, "a"), *b = json_get(root, "b");
	const struct json_secret *secret;

	json_mark_secret(doc, a);
	secret = root->source->secrets;
	ck_assert_uint_eq(secret->start, a->offset + 1); /* after the quote */
	ck_assert_uint_eq(secret->end, a->end);
	json_mark_secret(doc, b);
	ck_assert_ptr_eq(root->source->secrets->next, secret);
	ck_assert_uint_eq(root->source->secrets->start, b->offset);
	/* Neither a value from a flag nor one that the program made is in a text. */
	json_mark_secret(doc, json_new(doc, JSON_STRING, "x", json_source_add(doc, "-s", NULL, 0)));
	json_mark_secret(doc, json_new(doc, JSON_STRING, "x", NULL));
	/* A source that is read only does not change. */
	secret = root->source->secrets;
	root->source->is_read = true;
	json_mark_secret(doc, a);
	ck_assert_ptr_eq(root->source->secrets, secret);
	json_doc_free(doc);
}
END_TEST

START_TEST(types_have_names)
{
	ck_assert_str_eq(json_type_name(JSON_NULL), "null");
	ck_assert_str_eq(json_type_name(JSON_BOOL), "true or false");
	ck_assert_str_eq(json_type_name(JSON_NUMBER), "a number");
	ck_assert_str_eq(json_type_name(JSON_STRING), "a string");
	ck_assert_str_eq(json_type_name(JSON_ARRAY), "an array");
	ck_assert_str_eq(json_type_name(JSON_OBJECT), "an object");
}
END_TEST

SUITE("json", nodes_move_between_containers, adding_to_the_same_container_moves_to_its_end,
      fresh_nodes_have_no_text_behind_them, memory_of_a_document_is_zeroed,
      a_secret_is_marked_in_its_source, types_have_names)
