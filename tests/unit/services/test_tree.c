#include "services/tree.h"

#include "scene/option_scene.h"
#include "scene/thing_scene.h"
#include "suite.h"

START_TEST(a_tree_is_read_by_type)
{
	const spore_host *host = host_table();
	struct option_scene scene;
	const spore_cfg *root, *list;
	const char *key;

	option_scene_open(&scene, "{\"s\":\"x\",\"n\":2.5,\"b\":true,\"l\":[1,null],\"o\":{}}");
	root = (const spore_cfg *)(const void *)scene.root;
	ck_assert_uint_eq(host->cfg_type(root), SPORE_CFG_OBJECT);
	ck_assert_uint_eq(host->cfg_count(root), 5);
	ck_assert_str_eq(host->cfg_string(host->cfg_get(root, "s")), "x");
	ck_assert_double_eq(host->cfg_number(host->cfg_get(root, "n")), 2.5);
	ck_assert_uint_eq(host->cfg_bool(host->cfg_get(root, "b")), 1);
	list = host->cfg_at(root, 3, &key);
	ck_assert_str_eq(key, "l");
	ck_assert_uint_eq(host->cfg_type(list), SPORE_CFG_ARRAY);
	ck_assert_uint_eq(host->cfg_type(host->cfg_at(list, 1, NULL)), SPORE_CFG_NULL);
	ck_assert_ptr_null(host->cfg_at(list, 2, NULL));
	option_scene_close(&scene);
}
END_TEST

START_TEST(another_type_or_nothing_is_empty)
{
	const spore_host *host = host_table();
	struct option_scene scene;
	const spore_cfg *text;

	option_scene_open(&scene, "\"x\"");
	text = (const spore_cfg *)(const void *)scene.root;
	ck_assert_double_eq(host->cfg_number(text), 0);
	ck_assert_uint_eq(host->cfg_bool(text), 0);
	ck_assert_ptr_null(host->cfg_get(text, "a"));
	ck_assert_uint_eq(host->cfg_type(NULL), SPORE_CFG_NULL);
	ck_assert_ptr_null(host->cfg_get(NULL, "a"));
	ck_assert_ptr_null(host->cfg_get(text, NULL));
	ck_assert_double_eq(host->cfg_number(NULL), 0);
	ck_assert_uint_eq(host->cfg_bool(NULL), 0);
	ck_assert_ptr_null(host->cfg_at(NULL, 0, NULL));
	ck_assert_uint_eq(host->cfg_count(NULL), 0);
	ck_assert_ptr_null(host->cfg_string(NULL));
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_reply_is_parsed_and_freed)
{
	const spore_host *host = host_table();
	struct component_scene scene;
	struct option_scene conf;
	spore_cfg *tree;
	char error[64] = "";

	component_scene_open(&scene, &thing_scene);
	ck_assert_int_eq(host->cfg_parse(thing_scene_ctx_of(&scene), spore_cstr("[1,{\"a\":true}]"),
	                                 &tree, error, sizeof error),
	                 SPORE_OK);
	ck_assert_uint_eq(host->cfg_count(tree), 2);
	ck_assert_uint_eq(host->cfg_bool(host->cfg_get(host->cfg_at(tree, 1, NULL), "a")), 1);
	host->cfg_free(tree);
	host->cfg_free(NULL);
	ck_assert_int_eq(host->cfg_parse(thing_scene_ctx_of(&scene), spore_cstr("[1,"), &tree,
	                                 error, sizeof error),
	                 SPORE_EINVAL);
	ck_assert_ptr_null(tree);
	ck_assert_str_eq(error, "line 1, column 4: expected a value");
	ck_assert_int_eq(
		host->cfg_parse(thing_scene_ctx_of(&scene), spore_cstr("["), &tree, NULL, 10),
		SPORE_EINVAL);
	option_scene_open(&conf, "{\"not\":\"its own\"}");
	host->cfg_free((spore_cfg *)(void *)conf.root); /* logged, and nothing happens */
	ck_assert_uint_eq(host->cfg_count((const spore_cfg *)(const void *)conf.root), 1);
	option_scene_close(&conf);
	component_scene_close(&scene);
}
END_TEST

SUITE("tree", a_tree_is_read_by_type, another_type_or_nothing_is_empty, a_reply_is_parsed_and_freed)
