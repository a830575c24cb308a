/* Keys that become an entry of a list. */
#include "expand/entry.h"

#include <stdlib.h>
#include <string.h>

#include "diag/diag.h"
#include "suite.h"
#include "json/json.h"
#include "json/parse.h"

static const struct entry_keys keys = {
	.section = "client",
	.list = "list",
	.use = "thing",
	.keys = { { "url", "where", { "x_url", "X_URL" } },
	          { "password", "secret", { NULL } },
	          { "except", "not", { "X_EXCEPT" } } },
};

struct scene {
	struct json_doc *doc;
	struct diag diag;
	const struct json *first; /* of the list */
};

static struct scene expand(const char *client, const char *list)
{
	struct scene scene = { .doc = json_doc_new() };
	const char *const texts[] = { client, list }, *const names[] = { "client", "list" };
	struct json_error error;

	for (int i = 0; i < 2; i++) {
		struct json_source *source;

		if (!texts[i])
			continue;
		source = json_source_add(scene.doc, "f", texts[i], strlen(texts[i]));
		json_add(scene.doc, json_doc_root(scene.doc), names[i],
		         json_parse(scene.doc, source, &error));
	}
	entry_expand(scene.doc, &keys, &scene.diag);
	if (json_get(json_doc_root(scene.doc), "list"))
		scene.first = json_get(json_doc_root(scene.doc), "list")->first;
	return scene;
}

static void close_scene(struct scene *scene)
{
	diag_fini(&scene->diag);
	json_doc_free(scene->doc);
}

static void check(struct scene *scene, const char *key, const char *expected)
{
	const struct json *node = json_get(scene->first, key);

	ck_assert_uint_eq(scene->diag.count, 0);
	if (expected)
		ck_assert_msg(node && strcmp(node->raw, expected) == 0, "%s: %s", key,
		              node ? node->raw : "(none)");
	else
		ck_assert_ptr_null(node);
}

START_TEST(the_entry_is_the_first)
{
	struct scene scene = expand("{\"url\":\"u\",\"except\":\"e\",\"to\":\"h\"}",
	                            "[{\"use\":\"other\"}]");

	check(&scene, "use", "thing");
	check(&scene, "where", "u");
	check(&scene, "not", "e");
	check(&scene, "secret", NULL);
	ck_assert_str_eq(json_get(scene.first->next, "use")->raw, "other");
	ck_assert_ptr_null(scene.first->next->next);
	ck_assert_uint_eq(json_get(json_doc_root(scene.doc), "client")->count, 1);
	close_scene(&scene);
	scene = expand("{\"url\":\"u\"}", NULL);
	check(&scene, "where", "u");
	close_scene(&scene);
}
END_TEST

START_TEST(without_a_url_there_is_none)
{
	struct scene scene = expand("{\"to\":\"h\"}", NULL);

	ck_assert_ptr_null(scene.first);
	close_scene(&scene);
	setenv("X_URL", "other", 1);
	scene = expand("{\"url\":\"\",\"except\":\"e\"}", NULL);
	ck_assert_ptr_null(scene.first);
	ck_assert_uint_eq(scene.diag.count, 0);
	ck_assert_uint_eq(json_get(json_doc_root(scene.doc), "client")->count, 0);
	close_scene(&scene);
}
END_TEST

START_TEST(variables_give_what_is_left_open)
{
	struct scene scene;

	setenv("X_EXCEPT", "e", 1);
	scene = expand("{}", NULL);
	ck_assert_ptr_null(scene.first);
	close_scene(&scene);
	setenv("X_URL", "s://me:a%40b%@h:1", 1);
	scene = expand("{}", NULL);
	check(&scene, "where", "s://me@h:1");
	check(&scene, "secret", "a@b%");
	check(&scene, "not", "e");
	close_scene(&scene);
	scene = expand("{\"url\":\"u\"}", NULL);
	check(&scene, "where", "u");
	check(&scene, "not", "e");
	close_scene(&scene);
	setenv("x_url", "me:@h", 1); /* the lower case comes first */
	scene = expand("{}", NULL);
	check(&scene, "where", "me@h");
	check(&scene, "secret", NULL);
	close_scene(&scene);
	setenv("x_url", "", 1);
	scene = expand("{}", NULL);
	ck_assert_ptr_null(scene.first);
	close_scene(&scene);
	setenv("x_url", "u", 1);
	scene = expand("{}", "[{\"use\":\"thing\",\"where\":\"own\"}]");
	check(&scene, "where", "own");
	check(&scene, "not", NULL);
	close_scene(&scene);
}
END_TEST

START_TEST(mistakes_are_reported)
{
	static const struct {
		const char *client, *list;
		unsigned count;
	} rows[] = {
		{ "{\"url\":\"u\"}", "[{\"use\":\"thing\"}]", 1 },
		{ "{\"except\":\"u\",\"password\":\"p\"}", NULL, 2 },
		{ "{\"url\":\"s://me:pw@h\"}", NULL, 1 },
		{ "{\"url\":\"me:pw@h\"}", NULL, 1 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene scene = expand(rows[i].client, rows[i].list);

		ck_assert_uint_eq(scene.diag.count, rows[i].count);
		close_scene(&scene);
	}
}
END_TEST

SUITE("entry", the_entry_is_the_first, without_a_url_there_is_none,
      variables_give_what_is_left_open, mistakes_are_reported)
