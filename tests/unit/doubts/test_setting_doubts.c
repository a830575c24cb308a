#include "doubts/setting_doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

START_TEST(lines_that_the_level_of_the_log_leaves_out)
{
	ck_assert_contains(doubt_scene_server("{\"log\":{\"level\":\"warn\",\n\"visitors\":true}}"),
	                   ":2: /log/visitors: it has no effect: its lines have the level info");
	ck_assert_lacks(doubt_scene_server("{\"log\":{\"visitors\":true}}"), "/log");
}
END_TEST

START_TEST(a_limit_without_the_one_that_it_needs)
{
	const char *found = doubt_scene_server("{\"limits\":{\"visitor_burst\":5,\n\"ban_after\":0,"
	                                       "\"ban_time\":\"5s\"}}");

	ck_assert_contains(found, ":1: /limits/visitor_burst: it has no effect while "
	                          "limits.visitor_rate is 0\n");
	ck_assert_contains(found, ":2: /limits/ban_time: it has no effect while limits.ban_after "
	                          "is 0\n");
	ck_assert_lacks(doubt_scene_server("{\"limits\":{\"visitor_rate\":5}}"), "/limits");
	ck_assert_lacks(doubt_scene_server("{\"limits\":{\"visitor_rate\":5,\"visitor_burst\":5}}"),
	                "/limits");
}
END_TEST

START_TEST(parts_of_seconds_that_the_system_cannot_count)
{
	ck_assert_contains(doubt_scene_server("{\"server\":{\"keepalive_visitors\":\"1500ms\"}}"),
	                   ":1: /server/keepalive_visitors: expected whole seconds: 1500 ms count "
	                   "as 2 s\n");
	ck_assert_lacks(doubt_scene_server("{\"server\":{\"keepalive_visitors\":\"2s\"}}"),
	                "/server");
}
END_TEST

#define CLIENT(to, more) "{\"client\":{\"to\":" to more "},\"tunnels\":[{\"local_port\":80}],\n"
#define HMAC             "{\"use\":\"hmac\",\"secret\":\"abcdefgh\"}"

START_TEST(settings_of_a_client_without_effect)
{
	const char *found = doubt_scene_lines(
		ROLE_LOCAL,
		CLIENT("\"a\"", ",\"prefer_first\":true,\"keepalive_data\":1.5") "\"auth\":[" HMAC
										 ",\n" HMAC "]}");

	ck_assert_contains(found, ":1: /client/prefer_first: it has no effect with a single "
	                          "server in client.to\n");
	ck_assert_contains(found, ":3: /auth/1: it is never used: a client answers with its first "
	                          "auth instance only\n");
	ck_assert_contains(found, "/client/keepalive_data: expected whole seconds");
	ck_assert_str_eq(doubt_scene_lines(ROLE_LOCAL,
	                                   CLIENT("[\"a\",\"b\"]",
	                                          ",\"prefer_first\":true") "\"auth\":[" HMAC "]}"),
	                 "");
	ck_assert_str_eq(
		doubt_scene_lines(ROLE_LOCAL,
	                          CLIENT("\"a\"", ",\"prefer_first\":false") "\"auth\":[]}"),
		"");
}
END_TEST

START_TEST(limits_on_handshakes_without_effect)
{
#define HANDSHAKES "\"limits\":{\"max_handshakes\":5,\n\"max_handshakes_per_ip\":4}"
#define PROXIED                                                                                    \
	"\"public\":[{\"ports\":8000,\"transport\":[{\"use\":\"proxy\",\"trusted\":[\"10.0.0.1\"]" \
	"}]}]"
	const char *found = doubt_scene_server("{" HANDSHAKES "}");

	ck_assert_contains(found, ":1: /limits/max_handshakes: it has no effect: visitors shake");
	ck_assert_contains(found, ":2: /limits/max_handshakes_per_ip: it has no effect: visitors");
	ck_assert_lacks(doubt_scene_server("{" HANDSHAKES "," PROXIED "}"), "visitors shake");
}
END_TEST

SUITE("setting_doubts", limits_on_handshakes_without_effect,
      lines_that_the_level_of_the_log_leaves_out, a_limit_without_the_one_that_it_needs,
      parts_of_seconds_that_the_system_cannot_count, settings_of_a_client_without_effect)
