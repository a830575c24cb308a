#include "diag/diag.h"

#include <string.h>

#include "suite.h"
#include "json/parse.h"

static char *printed(const struct diag *diag)
{
	static char text[8192];
	FILE *file = fmemopen(text, sizeof text, "w");

	ck_assert_ptr_nonnull(file);
	diag_print(diag, file);
	fputc('\0', file);
	fclose(file);
	return text;
}

static struct json *parse(struct json_doc *doc, const char *text)
{
	struct json_error error;
	struct json *node = json_parse(doc, json_source_add(doc, "spore.json", text, strlen(text)),
	                               &error);

	ck_assert_msg(node != NULL, "%s", error.text);
	return node;
}

START_TEST(an_entry_names_place_and_line)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse(doc, "{\n  \"server\": {\n    \"control_port\": \"x\"\n  }\n}");
	struct diag diag = { 0 };

	diag_add(&diag, json_get(json_get(root, "server"), "control_port"), "expected %s",
	         "a port");
	ck_assert_str_eq(printed(&diag),
	                 "spore.json:3:21: error: /server/control_port: expected a port\n"
	                 "        \"control_port\": \"x\"\n"
	                 "                        ^\n");
	diag_fini(&diag);
	ck_assert_uint_eq(diag.count, 0);
	ck_assert_str_eq(printed(&diag), "");
	json_doc_free(doc);
}
END_TEST

static void take_mistake(const struct diag_mistake *mistake, void *arg)
{
	FILE *out = arg;

	fprintf(out, "%s %u:%u %s|%s\n", mistake->source ? mistake->source : "-", mistake->line,
	        mistake->column, mistake->pointer, mistake->text);
}

START_TEST(each_mistake_is_passed_on_in_the_order_of_the_file)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse(doc, "{\n\"a\": 1,\n\"b\": 2}");
	struct diag diag = { 0 };
	char text[256] = "";
	FILE *out = fmemopen(text, sizeof text, "w");

	diag_add(&diag, json_get(root, "b"), "second");
	diag_add(&diag, json_get(root, "a"), "first");
	diag_add(&diag, NULL, "elsewhere");
	diag_each(&diag, take_mistake, out);
	fclose(out);
	ck_assert_str_eq(text,
	                 "- 0:0 |elsewhere\nspore.json 2:6 /a|first\nspore.json 3:6 /b|second\n");
	diag_fini(&diag);
	json_doc_free(doc);
}
END_TEST

START_TEST(a_key_is_pointed_at)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse(doc, "{ \"a\": {\"bad\": 1} }");
	struct diag diag = { 0 };

	diag_add_key(&diag, root->first->first, "unknown key");
	diag_add_key(&diag, root, "the root has no key");
	ck_assert_str_eq(printed(&diag), "spore.json:1:1: error: the root has no key\n"
	                                 "    { \"a\": {\"bad\": 1} }\n"
	                                 "    ^\n"
	                                 "spore.json:1:9: error: /a/bad: unknown key\n"
	                                 "    { \"a\": {\"bad\": 1} }\n"
	                                 "            ^\n");
	diag_fini(&diag);
	json_doc_free(doc);
}
END_TEST

START_TEST(an_element_is_named_by_its_index)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse(doc, "{\"auth\":[{\"servers\":[\"a\",\"b\"]}]}");
	struct diag diag = { 0 };

	diag_add_below(&diag, root->first->first, "/servers/1", "no such host");
	ck_assert_ptr_nonnull(strstr(printed(&diag), "error: /auth/0/servers/1: no such host\n"));
	diag_fini(&diag);
	json_doc_free(doc);
}
END_TEST

/* A key that was moved is reported where it stands in the file, and so is what it lacks. */
START_TEST(below_a_node_a_moved_key_has_its_old_place)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse(doc, "{\"list\":[{\"url\":{\"a\":[1,2]}}]}");
	struct json *entry = root->first->first;
	struct diag diag = { 0 };

	entry->first->written_as = "client/proxy";
	diag_add_below(&diag, entry, "/url", "one");
	diag_add_below(&diag, entry, "/url/a/1", "two");
	diag_add_below(&diag, entry, "/url/none/x", "three");
	diag_add_below(&diag, entry, "/none", "four");
	diag_add_below(&diag, entry, "", "five");
	ck_assert_ptr_nonnull(strstr(printed(&diag), "error: /client/proxy: one\n"));
	ck_assert_ptr_nonnull(strstr(printed(&diag), "error: /client/proxy/a/1: two\n"));
	ck_assert_ptr_nonnull(strstr(printed(&diag), "error: /client/proxy/none/x: three\n"));
	ck_assert_ptr_nonnull(strstr(printed(&diag), "error: /list/0/none: four\n"));
	ck_assert_ptr_nonnull(strstr(printed(&diag), "error: /list/0: five\n"));
	diag_fini(&diag);
	json_doc_free(doc);
}
END_TEST

START_TEST(a_flag_has_no_line)
{
	struct json_doc *doc = json_doc_new();
	struct json_source *flag = json_source_add(doc, "--port", NULL, 0);
	struct json_source *variable = json_source_add(doc, "SPORE_PORT", NULL, 0);
	struct diag diag = { 0 };

	diag_add(&diag, json_new(doc, JSON_STRING, "x", flag), "expected a port");
	ck_assert_uint_eq(diag.count_elsewhere, 0);
	diag_add(&diag, json_new(doc, JSON_STRING, "x", variable), "expected a port");
	ck_assert_uint_eq(diag.count_elsewhere, 1);
	diag_add(&diag, NULL, "nowhere");
	ck_assert_str_eq(printed(&diag), "--port: error: expected a port\n"
	                                 "SPORE_PORT: error: expected a port\n"
	                                 "error: nowhere\n");
	ck_assert_uint_eq(diag.count, 3);
	diag_fini(&diag);
	json_doc_free(doc);
}
END_TEST

/* Another mistake in the same line as a secret. */
START_TEST(a_secret_beside_the_mistake_is_not_shown)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse(doc,
	                          "{\"secret\":\"hunter2\",\"port\":\"x\",\"other\":\"hunter3\"}");
	struct diag diag = { 0 };

	json_mark_secret(doc, json_get(root, "secret"));
	json_mark_secret(doc, json_get(root, "other"));
	diag_add(&diag, json_get(root, "port"), "expected a port");
	ck_assert_ptr_null(strstr(printed(&diag), "hunter"));
	ck_assert_ptr_nonnull(strstr(printed(&diag), "\"port\":\"x\""));
	diag_fini(&diag);
	json_doc_free(doc);
}
END_TEST

START_TEST(a_text_that_is_no_tree_can_be_pointed_at)
{
	struct json_doc *doc = json_doc_new();
	static const char text[] = "{\"a\": tru\x1b[2J}";
	struct json_source *source = json_source_add(doc, "spore.json", text, strlen(text));
	struct diag diag = { 0 };

	diag_add_at(&diag, source, 6, "expected a value");
	diag_add_at(&diag, source, strlen(text), "expected the end");
	ck_assert_str_eq(printed(&diag), "spore.json:1:7: error: expected a value\n"
	                                 "    {\"a\": tru [2J}\n"
	                                 "          ^\n"
	                                 "spore.json:1:15: error: expected the end\n"
	                                 "    {\"a\": tru [2J}\n"
	                                 "                  ^\n");
	diag_fini(&diag);
	json_doc_free(doc);
}
END_TEST

START_TEST(what_is_in_the_file_comes_in_its_order)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse(doc, "{\"a\":1,\n\"b\":2,\n\"c\":3}");
	struct json_source *flag = json_source_add(doc, "--port", NULL, 0);
	struct diag diag = { 0 };

	diag_add(&diag, json_get(root, "c"), "third");
	diag_add(&diag, json_get(root, "a"), "first");
	diag_add_at(&diag, flag, 0, "a flag");
	diag_add(&diag, json_get(root, "a"), "and again");
	diag_add(&diag, NULL, "nowhere");
	diag_add_key(&diag, json_get(root, "b"), "second");
	ck_assert_str_eq(printed(&diag), "--port: error: a flag\n"
	                                 "error: nowhere\n"
	                                 "spore.json:1:6: error: /a: first\n"
	                                 "    {\"a\":1,\n"
	                                 "         ^\n"
	                                 "spore.json:1:6: error: /a: and again\n"
	                                 "    {\"a\":1,\n"
	                                 "         ^\n"
	                                 "spore.json:2:1: error: /b: second\n"
	                                 "    \"b\":2,\n"
	                                 "    ^\n"
	                                 "spore.json:3:5: error: /c: third\n"
	                                 "    \"c\":3}\n"
	                                 "        ^\n"
	                                 "6 errors\n");
	diag_fini(&diag);
	json_doc_free(doc);
}
END_TEST

START_TEST(a_value_knows_whether_something_was_said_of_it)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse(doc, "{\"a\":[1,2],\"b\":3}");
	const struct json *a = json_get(root, "a"), *b = json_get(root, "b");
	struct json *flag = json_new(doc, JSON_STRING, "x",
	                             json_source_add(doc, "--port", NULL, 0));
	struct diag diag = { 0 };

	diag_add(&diag, NULL, "nowhere");
	ck_assert(!diag_has(&diag, root) && !diag_has(&diag, flag) && !diag_has(&diag, NULL));
	diag_add(&diag, a->last, "wrong");
	ck_assert(diag_has(&diag, root) && diag_has(&diag, a) && diag_has(&diag, a->last));
	ck_assert(!diag_has(&diag, a->first) && !diag_has(&diag, b));
	diag_add_key(&diag, b, "its key is another matter");
	ck_assert(!diag_has(&diag, b));
	diag_add(&diag, flag, "wrong");
	ck_assert(diag_has(&diag, flag));
	diag_fini(&diag);
	json_doc_free(doc);
}
END_TEST

/* Messages and pointers contain texts of the file, which may hold control bytes. */
START_TEST(nothing_that_a_terminal_obeys_is_printed)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = parse(doc, "{\"caf\xc3\xa9\\u001b[2J\\u009b\": 1}");
	struct diag diag = { 0 };

	diag_add(&diag, root->first, "found %s", root->first->key);
	ck_assert_str_eq(printed(&diag),
	                 "spore.json:1:25: error: /caf\xc3\xa9?[2J?: found caf\xc3\xa9?[2J?\n"
	                 "    {\"caf\xc3\xa9\\u001b[2J\\u009b\": 1}\n"
	                 "                            ^\n");
	diag_fini(&diag);
	json_doc_free(doc);
}
END_TEST

START_TEST(more_than_anyone_reads_is_only_counted)
{
	struct diag diag = { 0 };
	const char *text;
	int n = 0;

	for (int i = 0; i < 5000; i++)
		diag_add(&diag, NULL, "number %d", i);
	ck_assert_uint_eq(diag.count, 5000);
	ck_assert_uint_eq(diag.count_elsewhere, 5000);
	text = printed(&diag);
	for (const char *at = text; (at = strstr(at, "error: ")) != NULL; at++)
		n++;
	ck_assert_int_eq(n, 100);
	ck_assert_ptr_nonnull(
		strstr(text, "error: number 99\n5000 errors, of which 100 are shown\n"));
	diag_fini(&diag);
}
END_TEST

SUITE("diag", an_entry_names_place_and_line, each_mistake_is_passed_on_in_the_order_of_the_file,
      a_key_is_pointed_at, an_element_is_named_by_its_index,
      below_a_node_a_moved_key_has_its_old_place, a_flag_has_no_line,
      a_secret_beside_the_mistake_is_not_shown, a_text_that_is_no_tree_can_be_pointed_at,
      what_is_in_the_file_comes_in_its_order, a_value_knows_whether_something_was_said_of_it,
      nothing_that_a_terminal_obeys_is_printed, more_than_anyone_reads_is_only_counted)
