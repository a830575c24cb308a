#include "show/member.h"

#include "scene/answer_scene.h"
#include "suite.h"

START_TEST(a_member_of_the_right_type_is_read)
{
	struct answer_scene scene;

	answer_scene_open(&scene, "{\"t\":\"text\",\"n\":2.75}");
	ck_assert_str_eq(member_text(scene.root, "t"), "text");
	ck_assert(member_number(scene.root, "n") == 2.75);
	ck_assert_int_eq(member_integer(scene.root, "n"), 2);
	answer_scene_close(&scene);
}
END_TEST

START_TEST(any_other_member_is_empty)
{
	struct answer_scene scene;

	answer_scene_open(&scene, "{\"t\":\"text\",\"n\":2.75}");
	ck_assert_str_eq(member_text(scene.root, "n"), "");
	ck_assert_str_eq(member_text(scene.root, "missing"), "");
	ck_assert(member_number(scene.root, "t") == 0);
	ck_assert_int_eq(member_integer(scene.root, "missing"), 0);
	answer_scene_close(&scene);
}
END_TEST

SUITE("member", a_member_of_the_right_type_is_read, any_other_member_is_empty)
