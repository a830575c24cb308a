#include "inventory/plugin_path.h"

#include "capture.h"
#include "plugin_file.h"
#include "suite.h"

struct scene {
	char folder[64], path[96], printed[4096];
	struct config *config;
	struct diag diag;
	struct registry registry;
};

/* `plugins`: the value of the section. */
static bool set_up(struct scene *scene, const char *plugins)
{
	bool good;
	FILE *out;

	*scene = (struct scene){ .registry.path = { "/given" }, .registry.n_path = 1 };
	plugin_file_folder(scene->folder);
	snprintf(scene->path, sizeof scene->path, "%s/c.json", scene->folder);
	out = fopen(scene->path, "w");
	fprintf(out, "{\"plugins\": %s}", plugins);
	fchmod(fileno(out), 0600);
	fclose(out);
	config_load_plugins(scene->path, &scene->diag, &scene->config);
	ck_assert_ptr_nonnull(scene->config);
	good = plugin_path_set_up(&scene->registry, scene->config, &scene->diag);
	out = fmemopen(scene->printed, sizeof scene->printed, "w");
	diag_print(&scene->diag, out);
	fputc('\0', out);
	fclose(out);
	return good;
}

static void tear_down(struct scene *scene)
{
	diag_fini(&scene->diag);
	config_unref(scene->config);
	unlink(scene->path);
	rmdir(scene->folder);
}

START_TEST(given_folders_come_first_and_our_own_last)
{
	struct scene scene;

	ck_assert(set_up(&scene, "{\"path\": [\"/one\", \"/two\"]}"));
	ck_assert_uint_eq(scene.registry.n_path, 3 + PLUGIN_PATH_OWN);
	ck_assert_str_eq(scene.registry.path[0], "/given");
	ck_assert_str_eq(scene.registry.path[1], "/one");
	ck_assert_str_eq(scene.registry.path[2], "/two");
	ck_assert_contains(scene.registry.path[3], "/plugins");
	tear_down(&scene);
}
END_TEST

START_TEST(without_a_section_there_are_our_own)
{
	struct scene scene;

	ck_assert(set_up(&scene, "{}"));
	ck_assert_uint_eq(scene.registry.n_path, 1 + PLUGIN_PATH_OWN);
	ck_assert_uint_eq(scene.registry.n_pins, 0);
	tear_down(&scene);
}
END_TEST

/* Room for REGISTRY_MAX_PATH folders, of which one is given and two are our own. */
START_TEST(folders_have_a_limit)
{
	char plugins[512] = "{\"path\": [\"/0\"", *end = plugins + strlen(plugins);
	struct scene scene;

	for (int i = 1; i < 13; i++)
		end += sprintf(end, ", \"/%d\"", i);
	strcpy(end, "]}");
	ck_assert(set_up(&scene, plugins));
	ck_assert_uint_eq(scene.registry.n_path, REGISTRY_MAX_PATH);
	tear_down(&scene);
	strcpy(end, ", \"/13\"]}");
	ck_assert(!set_up(&scene, plugins));
	ck_assert_contains(scene.printed,
	                   "error: /plugins/path: expected at most 13 folders, found 14\n");
	tear_down(&scene);
}
END_TEST

#define LOWER  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

START_TEST(pins_are_the_registrys)
{
	struct scene scene;

	ck_assert(set_up(&scene, "{\"pin\": {\"a.so\": \"sha256:" DIGEST "\"}}"));
	ck_assert_uint_eq(scene.registry.n_pins, 1);
	ck_assert_str_eq(scene.registry.pins[0].file, "a.so");
	ck_assert_str_eq(scene.registry.pins[0].digest, LOWER);
	ck_assert_str_eq(registry_pin(&scene.registry, "a.so"), LOWER);
	ck_assert_ptr_null(registry_pin(&scene.registry, "b.so"));
	tear_down(&scene);
}
END_TEST

static void check_wrong_pin(const char *key, const char *digest, const char *expected)
{
	struct scene scene;
	char plugins[256];

	snprintf(plugins, sizeof plugins, "{\"pin\": {\"%s\": \"%s\"}}", key, digest);
	ck_assert_msg(!set_up(&scene, plugins), "%s", plugins);
	ck_assert_contains(scene.printed, expected);
	tear_down(&scene);
}

START_TEST(wrong_pins)
{
	static const char *const keys[] = { "a", ".so", "x/a.so", "a.so.1" };
	static const char *const digests[] = {
		"", "md5:1", DIGEST, "sha256:" DIGEST "0",
		"sha256:x123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		check_wrong_pin(
			keys[i], "sha256:" DIGEST,
			"expected the file name of a plugin as the key, ending in \".so\"\n");
	for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
		check_wrong_pin(
			"a.so", digests[i],
			"error: /plugins/pin/a.so: expected \"sha256:\" and 64 hex digits, found ");
}
END_TEST

START_TEST(a_section_that_is_wrong_adds_nothing)
{
	struct scene scene;

	ck_assert(!set_up(&scene, "{\"path\": [\"/one\"], \"pni\": {}}"));
	ck_assert_uint_eq(scene.registry.n_path, 1);
	tear_down(&scene);
}
END_TEST

START_TEST(a_pin_for_a_file_that_is_missing_is_told)
{
	static struct capture capture;
	struct scene scene;

	ck_assert(set_up(&scene, "{\"pin\": {\"a.so\": \"sha256:" DIGEST
	                         "\", \"c.json.so\": \"sha256:" DIGEST "\"}}"));
	scene.registry.path[0] = scene.folder;
	rename(scene.path, strcat(strcpy(scene.printed, scene.folder), "/a.so"));
	capture_begin(&capture);
	plugin_path_warn(&scene.registry, scene.config);
	capture_end(&capture);
	ck_assert_contains(capture_err(&capture),
	                   "no plugin folder has the file that a pin names file=c.json.so\n");
	ck_assert_lacks(capture_err(&capture), "file=a.so");
	unlink(scene.printed);
	tear_down(&scene);
}
END_TEST

START_TEST(a_folder_that_is_missing_is_told)
{
	static struct capture capture;
	struct scene scene;

	ck_assert(set_up(&scene, "{\"path\": [\"/none/there\", \"/etc\", \"/etc/passwd\"]}"));
	capture_begin(&capture);
	plugin_path_warn(&scene.registry, scene.config);
	capture_end(&capture);
	ck_assert_contains(capture_err(&capture), "cannot read a folder of plugins.path "
	                                          "folder=/none/there error=\"No such file");
	ck_assert_contains(capture_err(&capture),
	                   "an entry of plugins.path is not a folder folder=/etc/passwd\n");
	ck_assert_lacks(capture_err(&capture), "folder=/etc\n");
	tear_down(&scene);
}
END_TEST

SUITE("plugin_path", given_folders_come_first_and_our_own_last, without_a_section_there_are_our_own,
      folders_have_a_limit, pins_are_the_registrys, wrong_pins,
      a_section_that_is_wrong_adds_nothing, a_pin_for_a_file_that_is_missing_is_told,
      a_folder_that_is_missing_is_told)
