#include "show/results.h"

#include "scene/answer_scene.h"
#include "suite.h"

START_TEST(the_end_of_a_ban_is_told)
{
	answer_scene_check("unban", "{\"lifted\":\"192.0.2.7\"}", "192.0.2.7 may connect again\n");
}
END_TEST

START_TEST(changes_say_what_was_not_set)
{
	answer_scene_check("reload",
	                   "{\"generation\":2,\"warnings\":[\"w\"],\"changes\":["
	                   "{\"key\":\"/a\",\"from\":null,\"to\":\"5\",\"from_is_default\":false,"
	                   "\"to_is_default\":false,\"holds\":\"live\"},"
	                   "{\"key\":\"/b\",\"from\":\"3\",\"to\":\"4\",\"from_is_default\":true,"
	                   "\"holds\":\"live\"}]}",
	                   "reloaded: generation 2, 2 changes\n"
	                   "warning: w\n"
	                   "KEY  FROM         TO  HOLDS\n"
	                   "/a   not set      5   live\n"
	                   "/b   3 (default)  4   live\n");
}
END_TEST

START_TEST(an_upgrade_says_who_serves)
{
	answer_scene_check("upgrade", "{\"version\":\"1.2\",\"pid\":42}",
	                   "upgraded: version 1.2 serves as process 42; the old process drains\n");
}
END_TEST

SUITE("results", an_upgrade_says_who_serves, the_end_of_a_ban_is_told, changes_say_what_was_not_set)
