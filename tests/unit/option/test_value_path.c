#include "option/value_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include "scene/value_scene.h"
#include "suite.h"

static void check_path(const char *folder, const char *text, const char *expected)
{
	struct option_scene scene;
	struct option_scope scope;
	char json[64];

	snprintf(json, sizeof json, "\"%s\"", text);
	option_scene_open(&scene, json);
	scope = (struct option_scope){ scene.doc, &scene.diag, folder, NULL, NULL };
	ck_assert_str_eq(value_path(&scope, scene.root), expected);
	ck_assert_str_eq(value_path_to_read(&scope, scene.root), expected);
	option_scene_close(&scene);
}

START_TEST(a_relative_path_starts_at_the_folder)
{
	check_path("/etc", "a/b", "/etc/a/b");
	check_path(".", "a", "./a");
	check_path(".", "./a", "./a");
	check_path("/etc", "./../a", "/etc/../a");
	check_path("/etc", "/a/b", "/a/b");
	check_path("/etc", "", "");
	check_path(NULL, "a", "a");
}
END_TEST

START_TEST(a_flags_path_starts_at_the_working_directory)
{
	struct option_scene scene;
	struct option_scope scope;
	struct json_source *flag;

	option_scene_open(&scene, "{}");
	scope = (struct option_scope){ scene.doc, &scene.diag, "/etc", NULL, NULL };
	flag = json_source_add(scene.doc, "--file", NULL, 0);
	ck_assert_str_eq(value_path(&scope, json_new(scene.doc, JSON_STRING, "a", flag)), "a");
	ck_assert_str_eq(value_path(&scope, json_new(scene.doc, JSON_STRING, "a", NULL)), "a");
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_file_to_read_is_noted)
{
	struct option_scene scene;
	struct option_scope scope;
	struct files files = { NULL, 0, 0 };

	option_scene_open(&scene, "\"none\"");
	scope = (struct option_scope){ scene.doc, &scene.diag, "/nowhere", NULL, &files };
	value_path(&scope, scene.root);
	ck_assert_uint_eq(files.n, 0);
	value_path_to_read(&scope, scene.root);
	ck_assert_uint_eq(files.n, 1);
	ck_assert_str_eq(files.items[0].path, "/nowhere/none");
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_plugin_gets_files_and_folders_only)
{
	struct option_scene scene;
	struct option_scope scope;

	option_scene_open(&scene, "[\"/dev/null\", \"/tmp\", \"none\"]");
	scope = (struct option_scope){ scene.doc, &scene.diag, "/nowhere", NULL, NULL };
	ck_assert_str_eq(value_path_of_file(&scope, scene.root->first->next), "/tmp");
	ck_assert_str_eq(value_path_of_file(&scope, scene.root->first->next->next),
	                 "/nowhere/none");
	ck_assert_ptr_null(value_path_of_file(&scope, scene.root->first));
	ck_assert_str_eq(option_scene_message(&scene),
	                 "/0: cannot read /dev/null: it is not a regular file");
	option_scene_close(&scene);
}
END_TEST

SUITE("value_path", a_relative_path_starts_at_the_folder,
      a_flags_path_starts_at_the_working_directory, a_file_to_read_is_noted,
      a_plugin_gets_files_and_folders_only)
