#include "doubts/instance_doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

#define CLIENT(to, more) "{\"client\":{\"to\":" to more "},\"tunnels\":[{\"local_port\":80}],\n"
#define HMAC             "{\"use\":\"hmac\",\"secret\":\"abcdefgh\"}"

START_TEST(on_error_without_effect)
{
#define ON_ERROR(use) "{\"use\":\"" use "\",\"secret\":\"abcdefgh\",\"on_error\":\"next\"}"
	ck_assert_str_eq(
		strchr(doubt_scene_lines(ROLE_LOCAL,
	                                 CLIENT("\"a\"", "") "\"auth\":[" ON_ERROR("hmac") "]}"),
	               ':'),
		":2: /auth/0/on_error: it has no effect: only the auth instances of a server use "
		"it\n");
	ck_assert_contains(
		doubt_scene_server("{\"transport\":[{\"use\":\"plain\",\"on_error\":\"deny\"}]}"),
		":1: /transport/0/on_error: it has no effect");
	ck_assert_lacks(doubt_scene_server("{\"auth\":[" ON_ERROR("hmac") "]}"), "on_error");
}
END_TEST

START_TEST(a_name_that_two_instances_have)
{
#define NAMED(name) "{\"use\":\"hmac\",\"secret\":\"" name "-secret\",\n\"name\":\"" name "\"}"
	ck_assert_contains(
		doubt_scene_server("{\"auth\":[" NAMED("one") "," NAMED(
			"two") ",{\"use\":\"hmac\",\"secret\":"
	                       "\"third1\",\"name\":\"one\"}]}"),
		":3: /auth/2/name: /auth/0 has this name, too: logs and metrics cannot tell them "
		"apart\n");
	ck_assert_lacks(doubt_scene_server("{\"auth\":[" HMAC
	                                   ",{\"use\":\"hmac\",\"secret\":\"another\"}]}"),
	                "name");
}
END_TEST

#define PROXY "{\"use\":\"proxy\",\"trusted\":[\"10.0.0.1\"]}"

/* Of all sections of transports. Those that are not given are different. */
START_TEST(a_name_that_transports_of_two_sections_have)
{
#define WITH(name)                                                                                 \
	"{\"transport\":[" PROXY                                                                   \
	"],\"public\":[{\"ports\":8000,\"transport\":[\n{\"use\":\"proxy\"," name                  \
	"\"trusted\":[\"10.0.0.1\"]}]}]}"
	ck_assert_contains(doubt_scene_server(WITH("\"name\":\"proxy\",")),
	                   ":2: /public/0/transport/0/name: /transport/0 has this name, too");
	ck_assert_lacks(doubt_scene_server(WITH("")), "name");
}
END_TEST

SUITE("instance_doubts", on_error_without_effect, a_name_that_two_instances_have,
      a_name_that_transports_of_two_sections_have)
