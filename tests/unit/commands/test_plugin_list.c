#include "commands/plugin_list.h"

#include <string.h>

#include "capture.h"
#include "plugin/registry.h"
#include "plugin_file.h"
#include "suite.h"

/* Two folders with files of the same name, the first one broken; and our own two, which are
 * missing. */
struct scene {
	struct registry registry;
	char folders[2][64];
	char *text;
	size_t size;
};

static const void *no_extension(const char *id)
{
	(void)id;
	return NULL;
}

static void set_up(struct scene *scene)
{
	struct plugin_file file = plugin_file_read(PLUGIN_DIR "/transport_plain.so");
	struct plugin_file broken = { (uint8_t *)"x", 1 };
	char path[128];

	*scene = (struct scene){ .registry = { .loader.get_extension = no_extension,
		                               .path = { scene->folders[0], scene->folders[1],
		                                         "/nowhere/a", "/nowhere/b" },
		                               .n_path = 4 } };
	for (int i = 0; i < 2; i++) {
		plugin_file_folder(scene->folders[i]);
		snprintf(path, sizeof path, "%s/transport_plain.so", scene->folders[i]);
		plugin_file_write(i == 0 ? &broken : &file, path);
	}
	snprintf(path, sizeof path, "%s/acl_other.so", scene->folders[1]);
	plugin_file_write(&file, path);
	free(file.bytes);
}

static void tear_down(struct scene *scene)
{
	for (int i = 0; i < 2; i++) {
		char path[128];

		snprintf(path, sizeof path, "%s/transport_plain.so", scene->folders[i]);
		unlink(path);
		snprintf(path, sizeof path, "%s/acl_other.so", scene->folders[i]);
		unlink(path);
		rmdir(scene->folders[i]);
	}
	loader_fini(&scene->registry.loader);
	free(scene->text);
}

static bool print(struct scene *scene, bool load, bool as_json)
{
	FILE *out = open_memstream(&scene->text, &scene->size);
	bool good = plugin_list_print(&scene->registry, load, as_json, out);

	fclose(out);
	return good;
}

/* What the line about this file holds, column by column; "" if there is none. */
static const char *row_of(struct scene *scene, int folder, const char *file)
{
	static char row[512];
	char path[128], *at, *end;

	snprintf(path, sizeof path, "%s/%s", scene->folders[folder], file);
	at = strstr(scene->text, path);
	if (!at)
		return "";
	end = strchr(at, '\n');
	while (at > scene->text && at[-1] != '\n')
		at--;
	snprintf(row, sizeof row, "%.*s", (int)(end - at), at);
	return row;
}

START_TEST(a_table_for_people)
{
	struct scene scene;

	set_up(&scene);
	ck_assert(print(&scene, true, false));
	ck_assert_int_eq(strncmp(scene.text, "PLUGIN ", 7), 0);
	ck_assert_contains(row_of(&scene, 0, "transport_plain.so"), "refused");
	ck_assert_contains(row_of(&scene, 0, "transport_plain.so"),
	                   "not a shared object: expected an ELF file");
	ck_assert_contains(row_of(&scene, 1, "acl_other.so"), "transport acl_other:plain");
	tear_down(&scene);
}
END_TEST

START_TEST(the_first_file_shadows_the_others)
{
	struct scene scene;
	char expected[128];

	set_up(&scene);
	ck_assert(print(&scene, true, false));
	snprintf(expected, sizeof expected, "by %s/transport_plain.so\n", scene.folders[0]);
	ck_assert_contains(scene.text, expected);
	ck_assert_contains(scene.text, "shadowed");
	tear_down(&scene);
}
END_TEST

START_TEST(json_says_the_same)
{
	struct scene scene;
	char expected[256];

	set_up(&scene);
	ck_assert(print(&scene, true, true));
	snprintf(expected, sizeof expected,
	         "    \"file\": \"%s/transport_plain.so\",\n    \"plugin\": null,\n    "
	         "\"version\": null,\n"
	         "    \"abi\": null,\n    \"state\": \"refused\",\n",
	         scene.folders[0]);
	ck_assert_contains(scene.text, expected);
	snprintf(expected, sizeof expected,
	         "    \"state\": \"shadowed\",\n    \"shadowed_by\": \"%s/transport_plain.so\",\n  "
	         "  \"components\": []\n",
	         scene.folders[0]);
	ck_assert_contains(scene.text, expected);
	ck_assert_contains(scene.text, "        \"use\": \"acl_other:plain\",\n");
	tear_down(&scene);
}
END_TEST

START_TEST(nothing_is_loaded_unless_asked_for)
{
	struct scene scene;

	set_up(&scene);
	ck_assert(print(&scene, false, false));
	ck_assert_contains(row_of(&scene, 1, "acl_other.so"), "not loaded");
	ck_assert_ptr_null(scene.registry.loader.first);
	tear_down(&scene);
}
END_TEST

START_TEST(a_folder_that_cannot_be_read_is_a_failure)
{
	static struct capture capture;
	struct scene scene;
	bool good;

	set_up(&scene);
	scene.registry.path[0] = "/nowhere/named";
	capture_begin(&capture);
	good = print(&scene, false, false);
	capture_end(&capture);
	ck_assert(!good);
	ck_assert_str_eq(
		capture_err(&capture),
		"error: cannot read the folder /nowhere/named: No such file or directory\n");
	ck_assert_contains(row_of(&scene, 1, "acl_other.so"), "not loaded");
	tear_down(&scene);
}
END_TEST

SUITE("plugin_list", a_table_for_people, the_first_file_shadows_the_others, json_says_the_same,
      nothing_is_loaded_unless_asked_for, a_folder_that_cannot_be_read_is_a_failure)
