#include "inventory/plugin_walk.h"

#include "capture.h"
#include "inventory/plugin_path.h"
#include "plugin_file.h"
#include "suite.h"

static const void *no_extension(const char *id)
{
	(void)id;
	return NULL;
}

/* Two folders of our own making; behind them those of the build, which are missing. */
struct scene {
	struct registry registry;
	char folders[2][64];
	char seen[2048]; /* a line for each visit */
};

static void set_up(struct scene *scene)
{
	*scene = (struct scene){ .registry = { .loader.get_extension = no_extension,
		                               .path = { scene->folders[0], scene->folders[1],
		                                         "/nowhere/a", "/nowhere/b" },
		                               .n_path = 2 + PLUGIN_PATH_OWN } };
	plugin_file_folder(scene->folders[0]);
	plugin_file_folder(scene->folders[1]);
}

static void tear_down(struct scene *scene)
{
	for (int i = 0; i < 2; i++) {
		char command[96];

		snprintf(command, sizeof command, "rm -r %s", scene->folders[i]);
		ck_assert_int_eq(system(command), 0);
	}
	loader_fini(&scene->registry.loader);
}

/* `bytes` NULL: a good plugin. */
static void put(struct scene *scene, int folder, const char *name, const char *bytes)
{
	struct plugin_file file = bytes ? (struct plugin_file){ (uint8_t *)(uintptr_t)bytes,
		                                                strlen(bytes) }
	                                : plugin_file_read(PLUGIN_DIR "/transport_plain.so");
	char path[128];

	snprintf(path, sizeof path, "%s/%s", scene->folders[folder], name);
	plugin_file_write(&file, path);
	if (!bytes)
		free(file.bytes);
}

static const char *base(const char *path)
{
	return strrchr(path, '/') + 1;
}

static void note_visit(void *arg, const struct plugin_view *view, const char *shadow)
{
	struct scene *scene = arg;
	size_t len = strlen(scene->seen);

	snprintf(scene->seen + len, sizeof scene->seen - len, "%d %s %s%s\n",
	         strncmp(view->path, scene->folders[1], strlen(scene->folders[1])) == 0,
	         base(view->path), shadow ? "shadowed by " : plugin_state_name(view->state),
	         shadow ? base(shadow) : "");
}

START_TEST(files_are_visited_in_the_order_of_the_search)
{
	struct scene scene;

	set_up(&scene);
	put(&scene, 0, "b.so", NULL);
	put(&scene, 0, "a.so", "x");
	put(&scene, 0, "B.so", "x");
	put(&scene, 0, "README", "x");
	put(&scene, 0, ".so", "x");
	put(&scene, 0, "c.so.1", "x");
	put(&scene, 1, "b.so", "x");
	put(&scene, 1, "c.so", NULL);
	ck_assert(plugin_walk(&scene.registry, true, note_visit, &scene));
	ck_assert_str_eq(scene.seen, "0 B.so refused\n0 a.so refused\n0 b.so loaded\n"
	                             "1 b.so shadowed by b.so\n1 c.so loaded\n");
	tear_down(&scene);
}
END_TEST

START_TEST(nothing_is_loaded_unless_asked_for)
{
	struct scene scene;

	set_up(&scene);
	put(&scene, 0, "a.so", NULL);
	put(&scene, 1, "b.so", "x");
	ck_assert(plugin_walk(&scene.registry, false, note_visit, &scene));
	ck_assert_str_eq(scene.seen, "0 a.so not loaded\n1 b.so refused\n");
	ck_assert_ptr_null(scene.registry.loader.first);
	tear_down(&scene);
}
END_TEST

START_TEST(a_pin_is_checked)
{
	char digits[65];
	struct registry_pin pin = { "a.so", digits };
	struct scene scene;

	memset(digits, '0', 64);
	digits[64] = '\0';
	set_up(&scene);
	scene.registry.pins = &pin;
	scene.registry.n_pins = 1;
	put(&scene, 0, "a.so", NULL);
	put(&scene, 0, "b.so", NULL);
	ck_assert(plugin_walk(&scene.registry, true, note_visit, &scene));
	ck_assert_str_eq(scene.seen, "0 a.so refused\n0 b.so loaded\n");
	tear_down(&scene);
}
END_TEST

START_TEST(a_folder_that_is_named_twice_is_visited_once)
{
	char link[96];
	struct scene scene;

	set_up(&scene);
	put(&scene, 0, "a.so", NULL);
	snprintf(link, sizeof link, "%s/link", scene.folders[1]);
	ck_assert_int_eq(symlink(scene.folders[0], link), 0);
	scene.registry.path[1] = link;
	ck_assert(plugin_walk(&scene.registry, false, note_visit, &scene));
	ck_assert_str_eq(scene.seen, "0 a.so not loaded\n");
	tear_down(&scene);
}
END_TEST

/* Only our own folders may be missing. */
START_TEST(a_folder_that_cannot_be_read_is_told)
{
	static struct capture capture;
	struct scene scene;
	bool good;

	set_up(&scene);
	put(&scene, 1, "a.so", "x");
	scene.registry.path[0] = "/nowhere/c";
	capture_begin(&capture);
	good = plugin_walk(&scene.registry, false, note_visit, &scene);
	capture_end(&capture);
	ck_assert(!good);
	ck_assert_str_eq(capture_err(&capture),
	                 "error: cannot read the folder /nowhere/c: No such file or directory\n");
	ck_assert_str_eq(scene.seen, "1 a.so refused\n");
	tear_down(&scene);
}
END_TEST

START_TEST(our_own_folders_that_are_unknown_are_told)
{
	static struct capture capture;
	struct scene scene;
	bool good;

	set_up(&scene);
	put(&scene, 1, "a.so", "x");
	scene.registry.n_path = 2;
	scene.registry.lost = "/proc is not mounted";
	capture_begin(&capture);
	good = plugin_walk(&scene.registry, false, note_visit, &scene);
	capture_end(&capture);
	ck_assert(!good);
	ck_assert_str_eq(capture_err(&capture), "error: cannot look for plugins beside the "
	                                        "executable: /proc is not mounted\n");
	ck_assert_str_eq(scene.seen, "1 a.so refused\n");
	tear_down(&scene);
}
END_TEST

SUITE("plugin_walk", our_own_folders_that_are_unknown_are_told,
      files_are_visited_in_the_order_of_the_search, nothing_is_loaded_unless_asked_for,
      a_pin_is_checked, a_folder_that_is_named_twice_is_visited_once,
      a_folder_that_cannot_be_read_is_told)
