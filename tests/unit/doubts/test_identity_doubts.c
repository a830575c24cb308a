#include "doubts/identity_doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

#define PUBLIC(identities)                                                                         \
	"\"acl\":{\"public\":[{\"use\":\"cidr\",\"deny\":[],\"identity\":[" identities "]}]}"

START_TEST(an_identity_that_nobody_has_is_named)
{
	const char *found = doubt_scene_server("{\"auth\":[" DOUBT_SCENE_AUTH
	                                       "],\n" PUBLIC("\"bob\",\n\"alcie\"") "}");

	ck_assert_contains(found,
	                   ":3: /acl/public/0/identity/1: no auth plugin knows the identity "
	                   "\"alcie\", so this applies to nobody: did you mean \"alice\"?\n");
	ck_assert_lacks(found, "bob");
	found = doubt_scene_server("{\"auth\":[" DOUBT_SCENE_AUTH "],\n" PUBLIC("\"carol\"") "}");
	ck_assert_contains(found, "the identity \"carol\", so this applies to nobody\n");
}
END_TEST

START_TEST(any_instance_may_have_it)
{
	ck_assert_str_eq(
		doubt_scene_server("{\"auth\":[" DOUBT_SCENE_AUTH
	                           ",{\"use\":\"hmac\",\"secret\":\"c\","
	                           "\"identity\":\"carol\"}]," PUBLIC("\"alice\",\"carol\"") "}"),
		"");
	ck_assert_contains(
		doubt_scene_server(
			"{\"auth\":[{\"use\":\"hmac\",\"secret\":\"c\"}]," PUBLIC("\"alice\"") "}"),
		"\"alice\"");
}
END_TEST

/* The tests' plugin "policy" does not say whom it knows. */
START_TEST(an_instance_that_cannot_tell_may_have_anyone)
{
	ck_assert_str_eq(doubt_scene_server("{\"auth\":[" DOUBT_SCENE_AUTH
	                                    ",{\"use\":\"policy\",\"names\":[\"dave\"]}]," PUBLIC(
						    "\"eve\"") "}"),
	                 "");
}
END_TEST

SUITE("identity_doubts", an_identity_that_nobody_has_is_named, any_instance_may_have_it,
      an_instance_that_cannot_tell_may_have_anyone)
