#include "files/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"
#include "json/json.h"

/* A folder of files, and the noted ones. */
struct scene {
	char folder[64];
	struct json_doc *doc;
	struct files files;
};

static void open_scene(struct scene *scene)
{
	*scene = (struct scene){ "/tmp/spore-unit-XXXXXX", json_doc_new(), { NULL, 0, 0 } };
	ck_assert_ptr_nonnull(mkdtemp(scene->folder));
	ck_assert_int_eq(chdir(scene->folder), 0);
}

static void close_scene(struct scene *scene)
{
	char command[96];

	json_doc_free(scene->doc);
	snprintf(command, sizeof command, "rm -r %s", scene->folder);
	ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	ck_assert_int_ge(fputs(text, out), 0);
	fclose(out);
}

static void note(struct scene *scene, const char *path)
{
	files_note(&scene->files, scene->doc, path);
}

static bool differ(struct scene *scene)
{
	uint64_t now;

	return files_differ(&scene->files, &now);
}

START_TEST(of_none_there_is_no_difference)
{
	struct scene scene;

	open_scene(&scene);
	ck_assert(!differ(&scene));
	close_scene(&scene);
}
END_TEST

START_TEST(a_change_is_seen)
{
	struct scene scene;

	open_scene(&scene);
	write_file("a", "1");
	write_file("b", "1");
	note(&scene, "a");
	note(&scene, "b");
	ck_assert(!differ(&scene));
	write_file("b", "12");
	ck_assert(differ(&scene));
	close_scene(&scene);
}
END_TEST

START_TEST(so_are_a_going_and_a_coming)
{
	struct scene scene;

	open_scene(&scene);
	note(&scene, "a");
	ck_assert(!differ(&scene));
	write_file("a", "1");
	ck_assert(differ(&scene));
	scene.files.n = 0;
	note(&scene, "a");
	ck_assert(!differ(&scene));
	unlink("a");
	ck_assert(differ(&scene));
	close_scene(&scene);
}
END_TEST

/* A symbolic link in the path is replaced, as when a ConfigMap is updated. */
START_TEST(so_is_a_link_on_the_way)
{
	struct scene scene;

	open_scene(&scene);
	mkdir("1", 0755);
	mkdir("2", 0755);
	write_file("1/a", "1");
	write_file("2/a", "1");
	ck_assert_int_eq(symlink("1", "now"), 0);
	ck_assert_int_eq(symlink("now/a", "a"), 0);
	note(&scene, "a");
	ck_assert(!differ(&scene));
	ck_assert_int_eq(symlink("2", "next"), 0);
	ck_assert_int_eq(rename("next", "now"), 0);
	ck_assert(differ(&scene));
	close_scene(&scene);
}
END_TEST

START_TEST(states_are_told_apart)
{
	struct scene scene;
	uint64_t first, second, third;

	open_scene(&scene);
	note(&scene, "a");
	write_file("a", "1");
	ck_assert(files_differ(&scene.files, &first));
	ck_assert(files_differ(&scene.files, &second));
	ck_assert(first == second);
	write_file("a", "12");
	ck_assert(files_differ(&scene.files, &third));
	ck_assert(first != third);
	close_scene(&scene);
}
END_TEST

static void check_changed(const struct files *files, const char *expected)
{
	char *names = files_name_changed(files);

	ck_assert_str_eq(names, expected);
	free(names);
}

START_TEST(all_that_have_changed_are_named_once)
{
	struct scene scene;

	open_scene(&scene);
	write_file("a", "1");
	write_file("b", "1");
	write_file("c", "1");
	note(&scene, "a");
	note(&scene, "b");
	note(&scene, "c");
	note(&scene, "a");
	note(&scene, "d");
	check_changed(&scene.files, "");
	write_file("c", "12");
	write_file("a", "12");
	write_file("d", "1");
	check_changed(&scene.files, "a, c, d");
	close_scene(&scene);
}
END_TEST

/* A group of files may be watched apart from where they were noted. */
START_TEST(they_may_be_added_elsewhere)
{
	struct files other = { NULL, 0, 0 };
	struct scene scene;
	uint64_t now;

	open_scene(&scene);
	write_file("a", "1");
	write_file("b", "1");
	note(&scene, "a");
	note(&scene, "b");
	files_add(&other, scene.doc, &scene.files.items[1]);
	ck_assert(!files_differ(&other, &now));
	ck_assert(now == files_noted(&other));
	write_file("a", "12");
	ck_assert(!files_differ(&other, &now));
	write_file("b", "12");
	ck_assert(files_differ(&other, &now));
	check_changed(&other, "b");
	ck_assert(now != files_noted(&other));
	check_changed(&scene.files, "a, b");
	other.n = 0;
	files_note(&other, scene.doc, "a");
	files_update(&scene.files, &other);
	check_changed(&scene.files, "b");
	close_scene(&scene);
}
END_TEST

START_TEST(a_pipe_is_left_out)
{
	struct scene scene;

	open_scene(&scene);
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	note(&scene, "pipe");
	ck_assert_uint_eq(scene.files.n, 0);
	close_scene(&scene);
}
END_TEST

START_TEST(there_may_be_many)
{
	struct scene scene;
	char path[16];

	open_scene(&scene);
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof path, "%d", i);
		note(&scene, path);
	}
	ck_assert(!differ(&scene));
	write_file("0", "");
	ck_assert(differ(&scene));
	unlink("0");
	write_file("999", "");
	ck_assert(differ(&scene));
	close_scene(&scene);
}
END_TEST

static void add_path(const char *path, void *arg)
{
	strcat(strcat(arg, path), " ");
}

START_TEST(what_differs_between_two_readings)
{
	struct scene scene, again;
	char found[64] = "";

	open_scene(&scene);
	again = (struct scene){ .doc = json_doc_new() };
	write_file("same", "1");
	write_file("first", "1");
	write_file("second", "1");
	note(&scene, "second");
	note(&scene, "same");
	note(&scene, "first");
	note(&scene, "gone");
	write_file("second", "other");
	write_file("first", "other");
	note(&again, "new");
	note(&again, "second");
	note(&again, "first");
	note(&again, "same");
	note(&again, "second");
	files_compare(&scene.files, &again.files, add_path, found);
	ck_assert_str_eq(found, "first second ");
	files_compare(&again.files, &again.files, add_path, found);
	files_compare(&(struct files){ 0 }, &again.files, add_path, found);
	ck_assert_str_eq(found, "first second ");
	json_doc_free(again.doc);
	close_scene(&scene);
}
END_TEST

SUITE("files", of_none_there_is_no_difference, a_change_is_seen, so_are_a_going_and_a_coming,
      so_is_a_link_on_the_way, states_are_told_apart, all_that_have_changed_are_named_once,
      they_may_be_added_elsewhere, a_pipe_is_left_out, there_may_be_many,
      what_differs_between_two_readings)
