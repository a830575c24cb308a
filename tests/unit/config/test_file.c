#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scene/option_scene.h"
#include "suite.h"

struct scene {
	struct option_scene option;
	struct files files;
	char path[64];
	const char *folder;
	struct json *root;
};

static void load_path(struct scene *scene, const char *path)
{
	option_scene_open(&scene->option, "{}");
	scene->root = file_load(scene->option.doc, &scene->files, path, "--config", &scene->folder,
	                        &scene->option.diag);
}

static void load_text(struct scene *scene, const char *text, mode_t mode)
{
	int fd;

	*scene = (struct scene){ .folder = "unset" };
	fd = mkstemp(strcpy(scene->path, "/tmp/spore-unit-XXXXXX"));
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
	load_path(scene, scene->path);
	unlink(scene->path);
}

static void leave(struct scene *scene)
{
	option_scene_close(&scene->option);
}

START_TEST(a_file_becomes_a_tree_with_its_folder)
{
	struct scene scene;

	load_text(&scene, "{\"a\":[1]}", 0600);
	ck_assert_ptr_nonnull(scene.root);
	ck_assert_uint_eq(json_get(scene.root, "a")->count, 1);
	ck_assert_str_eq(scene.root->source->name, scene.path);
	ck_assert_str_eq(scene.folder, "/tmp");
	ck_assert_uint_eq(scene.option.diag.count, 0);
	leave(&scene);
}
END_TEST

START_TEST(mistakes_do_not_hide_the_rest)
{
	struct scene scene;

	load_text(&scene, "{\"a\":tru,\"b\":2}", 0600);
	ck_assert_ptr_nonnull(scene.root);
	ck_assert_uint_eq(scene.option.diag.count, 1);
	ck_assert(json_get(scene.root, "a")->unknown);
	ck_assert_double_eq(json_get(scene.root, "b")->number, 2);
	leave(&scene);
}
END_TEST

START_TEST(only_an_object_will_do)
{
	struct scene scene;

	load_text(&scene, "[1]", 0600);
	ck_assert_ptr_null(scene.root);
	ck_assert_str_eq(option_scene_message(&scene.option), "expected an object, found an array");
	leave(&scene);
}
END_TEST

START_TEST(a_missing_file_is_reported_at_who_named_it)
{
	struct scene scene = { .folder = "unset" };

	load_path(&scene, "/nonexistent/x.json");
	ck_assert_ptr_null(scene.root);
	ck_assert_ptr_null(scene.folder);
	ck_assert_str_eq(option_scene_message(&scene.option),
	                 "cannot open /nonexistent/x.json: No such file or directory");
	ck_assert_ptr_nonnull(strstr(scene.option.printed, "--config"));
	leave(&scene);
}
END_TEST

START_TEST(a_folder_cannot_be_read)
{
	struct scene scene = { .folder = "unset" };

	load_path(&scene, "/tmp");
	ck_assert_ptr_null(scene.root);
	ck_assert_str_eq(option_scene_message(&scene.option), "cannot read /tmp: Is a directory");
	leave(&scene);
}
END_TEST

START_TEST(a_file_that_others_may_write_is_refused)
{
	struct scene scene;

	load_text(&scene, "{}", 0606);
	ck_assert_ptr_null(scene.root);
	ck_assert_ptr_nonnull(strstr(option_scene_message(&scene.option), "writable by everyone"));
	leave(&scene);
}
END_TEST

/* A pipe has no size, and no folder that paths could start from. */
START_TEST(a_pipe_is_read_to_its_end)
{
	struct scene scene = { .folder = "unset" };
	char path[32];
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(write(fds[1], "{\"a\":1}", 7), 7);
	close(fds[1]);
	snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
	load_path(&scene, path);
	ck_assert_ptr_nonnull(json_get(scene.root, "a"));
	ck_assert_ptr_null(scene.folder);
	close(fds[0]);
	leave(&scene);
}
END_TEST

SUITE("file", a_file_becomes_a_tree_with_its_folder, mistakes_do_not_hide_the_rest,
      only_an_object_will_do, a_missing_file_is_reported_at_who_named_it, a_folder_cannot_be_read,
      a_file_that_others_may_write_is_refused, a_pipe_is_read_to_its_end)
