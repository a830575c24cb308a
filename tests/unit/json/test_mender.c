#include "json/mender.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

struct scene {
	struct mended mended;
	struct mender mender;
	unsigned n;
	size_t offset;
	char text[256];
};

static void on_mistake(void *arg, size_t offset, const char *text)
{
	struct scene *scene = arg;

	scene->n++;
	scene->offset = offset;
	snprintf(scene->text, sizeof scene->text, "%s", text);
}

static void open_scene(struct scene *scene, const char *text)
{
	*scene = (struct scene){ .n = 0 };
	ck_assert(mended_copy(&scene->mended, text, strlen(text)));
	scene->mender = (struct mender){ &scene->mended, text, on_mistake, scene };
}

START_TEST(a_change_keeps_the_origin_of_all_bytes)
{
	struct scene scene;
	struct mended *mended = &scene.mended;

	open_scene(&scene, "abcdef");
	mender_change(&scene.mender, 1, 2, "WXYZ"); /* longer */
	ck_assert_str_eq(mended->text, "aWXYZdef");
	ck_assert_uint_eq(mended->len, 8);
	for (size_t i = 1; i < 5; i++)
		ck_assert_uint_eq(mended->origin[i], 1);
	for (size_t i = 5; i <= 8; i++)
		ck_assert_uint_eq(mended->origin[i], i - 2);
	mender_change(&scene.mender, 0, 6, ""); /* shorter */
	ck_assert_uint_eq(mended->len, 2);
	ck_assert_int_eq(memcmp(mended->text, "ef", 2), 0);
	ck_assert_uint_eq(mended->origin[0], 4);
	mender_change(&scene.mender, 2, 0, "!"); /* at the end */
	ck_assert_int_eq(memcmp(mended->text, "ef!", 3), 0);
	ck_assert_uint_eq(mended->origin[2], 6);
	mended_free(mended);
}
END_TEST

START_TEST(a_place_is_reported_once)
{
	struct scene scene;

	open_scene(&scene, "abc");
	mender_say(&scene.mender, 1, "number %d", 1);
	ck_assert_str_eq(scene.text, "number 1");
	ck_assert_uint_eq(scene.offset, 1);
	mender_change(&scene.mender, 1, 0, "xy");
	mender_say(&scene.mender, 2, "number %d", 2); /* the same place of the original */
	ck_assert_uint_eq(scene.n, 1);
	mender_expected(&scene.mender, 4, "x");
	ck_assert_uint_eq(scene.n, 2);
	ck_assert_uint_eq(scene.offset, 2);
	ck_assert_str_eq(scene.text, "expected x, found 'c'");
	mended_free(&scene.mended);
}
END_TEST

static void check_found(const char *text, const char *expected)
{
	struct scene scene;
	char out[16];

	open_scene(&scene, text);
	ck_assert_str_eq(mender_found(&scene.mender, 0, out), expected);
	mended_free(&scene.mended);
}

START_TEST(what_was_found_is_shown_safely)
{
	check_found("x", "'x'");
	check_found("\xc3\xa9", "'\xc3\xa9'");
	check_found("\\q", "'\\q'");
	check_found("\\", "'\\'");
	check_found("\x1b", "'\\x1b'");
	check_found("\xff", "'\\xff'");
	check_found("\n", "the end of the line");
	check_found("", "the end of the file");
}
END_TEST

START_TEST(white_space_is_skipped_backwards)
{
	struct scene scene;

	open_scene(&scene, " a \t\r\n,");
	ck_assert_uint_eq(mender_before(&scene.mender, 6), 1);
	ck_assert_uint_eq(mender_before(&scene.mender, 7), 6);
	ck_assert_uint_eq(mender_before(&scene.mender, 1), SIZE_MAX);
	ck_assert_int_eq(mender_look(&scene.mender, 1), 'a');
	ck_assert_int_eq(mender_look(&scene.mender, 7), -1);
	mended_free(&scene.mended);
}
END_TEST

SUITE("mender", a_change_keeps_the_origin_of_all_bytes, a_place_is_reported_once,
      what_was_found_is_shown_safely, white_space_is_skipped_backwards)
