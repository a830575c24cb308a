#include "doubts/host_doubts.h"

#include "scene/doubt_scene.h"
#include "suite.h"

#define PORT(more) "\"public\":[{\n\"listen_port\":8443,\"route\":[{\"use\":\"sni\"}]" more "}]"
#define AUTH(policy)                                                                               \
	"\"auth\":[{\"use\":\"multi_secret\",\"secrets\":{\"alice\":\"long enough\"}," policy "}]"
#define HOSTS(names) AUTH("\"policy\":{\"alice\":{\n\"hosts\":[" names "]}}")

START_TEST(a_port_for_which_nobody_has_a_name)
{
	ck_assert_contains(doubt_scene_server("{" PORT("") "}"),
	                   ":2: /public/0/listen_port: no tunnel gets visitors of this port: "
	                   "without auth, no client may have a host name\n");
	ck_assert_contains(doubt_scene_server("{" PORT("") "," AUTH("\"policy\":{}") "}"),
	                   ":2: /public/0/listen_port: no tunnel gets visitors of this port, "
	                   "unless an auth plugin allows host names by itself: no policy has "
	                   "\"hosts\"\n");
	ck_assert_contains(doubt_scene_server("{" PORT("") "," HOSTS("") "}"), "listen_port: no");
	ck_assert_str_eq(doubt_scene_server("{" PORT("") "," HOSTS("\"a.example\"") "}"), "");
}
END_TEST

START_TEST(a_name_for_unknown_hosts_that_nobody_may_have)
{
#define OTHER PORT(",\n\"unknown_host\":\"www.Example\"")
	ck_assert_contains(doubt_scene_server("{" OTHER "," HOSTS("\"a.example\"") "}"),
	                   ":3: /public/0/unknown_host: no tunnel can have this name, unless an "
	                   "auth plugin allows it by itself: no policy has it in \"hosts\"\n");
	ck_assert_str_eq(doubt_scene_server("{" OTHER "," HOSTS("\"a\",\"*.example\"") "}"), "");
	ck_assert_str_eq(doubt_scene_server("{" OTHER "," HOSTS("\"*\"") "}"), "");
}
END_TEST

/* A route names tunnels, too. */
START_TEST(a_name_for_a_path_that_nobody_may_have)
{
#define PATHS                                                                                      \
	"\"public\":[{\"listen_port\":8080,\"route\":[{\"use\":\"http\",\"paths\":[{\"host\":"     \
	"\"a\","                                                                                   \
	"\"path\":\"/\",\n\"name\":\"b\"}]}]}]"
	ck_assert_contains(doubt_scene_server("{" PATHS "," HOSTS("\"a\"") "}"),
	                   ":2: /public/0/route/0/paths/0/name: no tunnel can have this name, "
	                   "unless an auth plugin allows it by itself: no policy has it in "
	                   "\"hosts\"\n");
	ck_assert_str_eq(doubt_scene_server("{" PATHS "," HOSTS("\"a\",\"b\"") "}"), "");
	ck_assert_contains(doubt_scene_server("{" PATHS "}"), "/listen_port: no tunnel gets");
}
END_TEST

START_TEST(names_without_a_routed_port)
{
	ck_assert_contains(doubt_scene_server("{" HOSTS("\"a.example\"") "}"),
	                   ":2: /auth/0/policy/alice/hosts: it has no effect: no entry of /public "
	                   "has \"listen_port\"\n");
	ck_assert_str_eq(doubt_scene_server("{" HOSTS("") "}"), "");
}
END_TEST

SUITE("host_doubts", a_port_for_which_nobody_has_a_name,
      a_name_for_unknown_hosts_that_nobody_may_have, a_name_for_a_path_that_nobody_may_have,
      names_without_a_routed_port)
