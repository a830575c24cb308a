#include "doubts/doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

#define PUBLIC(identities)                                                                         \
	"\"acl\":{\"public\":[{\"use\":\"cidr\",\"deny\":[],\"identity\":[" identities "]}]}"

START_TEST(a_server_without_authentication_is_open)
{
	ck_assert_str_eq(doubt_scene_server("{}"),
	                 "no authentication: anybody who reaches the control port "
	                 "may open tunnels\n");
	ck_assert_contains(doubt_scene_server("{" PUBLIC("\"alice\"") "}"), "\"alice\"");
}
END_TEST

SUITE("doubts", a_server_without_authentication_is_open)
