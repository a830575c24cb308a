#include "doubts/limit_doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

/* Only of what the operator has set. */
START_TEST(a_limit_behind_another_one_is_named)
{
	const char *found = doubt_scene_server(
		"{\"server\":{\"drain_grace\":\"20s\"},\n\"limits\":{\"max_relays\":"
		"100,\n\"max_visitors_per_ip\":101,\"max_pending\":100}}");

	ck_assert_contains(found, ":1: /server/drain_grace: it has no effect: it is above "
	                          "server.drain_timeout\n");
	ck_assert_contains(found, ":3: /limits/max_visitors_per_ip: it has no effect: it is above "
	                          "limits.max_relays\n");
	ck_assert_lacks(found, "max_pending");
	ck_assert_lacks(doubt_scene_server("{\"server\":{\"drain_timeout\":\"100ms\"}}"), "drain");
}
END_TEST

START_TEST(a_client_s_limit_above_the_server_s_is_named)
{
#define POLICIES                                                                                   \
	"{\"use\":\"multi_secret\",\"secrets\":{\"alice\":\"a\",\"bob\":\"b\"},\"policy\":{\n"     \
	"\"alice\":{\"life\":\"1h\",\"max_tunnels\":5},\n\"*\":{\"max_tunnels\":6},\n"             \
	"\"bob\":{\"max_conns\":101}}}"
	const char *found = doubt_scene_server(
		"{\"limits\":{\"max_tunnels\":5,\"max_relays\":100},\"auth\":[" POLICIES "]}");

	ck_assert_contains(found, ":3: /auth/0/policy/*/max_tunnels: it has no effect: it is above "
	                          "limits.max_tunnels\n");
	ck_assert_contains(found, ":4: /auth/0/policy/bob/max_conns: it has no effect: it is above "
	                          "limits.max_relays\n");
	ck_assert_lacks(found, "alice");
	ck_assert_lacks(found, "bob/max_tunnels");
	ck_assert_str_eq(doubt_scene_server("{\"auth\":[" POLICIES "]}"), "");
}
END_TEST

START_TEST(bans_that_reach_nobody)
{
#define EXEMPT(prefixes) "{\"limits\":{\n\"ban_exempt\":[" prefixes "]}}"
	ck_assert_contains(
		doubt_scene_server(EXEMPT("\"10.0.0.0/8\",\"0.0.0.0/0\"")),
		":2: /limits/ban_exempt: it covers every IPv4 address: no such client is "
		"banned, however many wrong secrets it tries\n");
	ck_assert_contains(doubt_scene_server(EXEMPT("\"8000::/1\",\"::/1\"")),
	                   "covers every IPv6 address");
	ck_assert_contains(doubt_scene_server(EXEMPT("\"128.0.0.0/1\",\"::/0\",\"0.0.0.0/1\"")),
	                   "covers every address");
	ck_assert_lacks(doubt_scene_server(EXEMPT("\"128.0.0.0/1\",\"0.0.0.0/2\",\"::1\"")),
	                "covers");
	ck_assert_lacks(doubt_scene_server("{}"), "covers");
}
END_TEST

START_TEST(values_above_one_that_counts_first)
{
	ck_assert_contains(
		doubt_scene_server("{\"server\":{\"drain_timeout\":0,\"drain_grace\":\"2s\"}}"),
		"/server/drain_grace: it has no effect: it is above server.drain_timeout");
	ck_assert_contains(doubt_scene_server("{\"limits\":{\"relay_idle_timeout\":\"5s\"},"
	                                      "\"server\":{\"keepalive_visitors\":\"30s\"}}"),
	                   "/server/keepalive_visitors: it has no effect: it is above "
	                   "limits.relay_idle_timeout");
	ck_assert_lacks(doubt_scene_server("{\"server\":{\"keepalive_visitors\":\"30s\"}}"),
	                "/server");
	ck_assert_contains(
		doubt_scene_server(
			"{\"limits\":{\"bytes_per_day\":\"2g\",\"bytes_per_month\":\"1g\"}}"),
		"/limits/bytes_per_day: it has no effect: it is above limits.bytes_per_month");
	ck_assert_lacks(doubt_scene_server("{\"limits\":{\"relay_idle_timeout\":\"5s\"}}"),
	                "/server");
}
END_TEST

START_TEST(bytes_of_a_day_above_those_of_a_month)
{
#define LIMITED(policy)                                                                            \
	"{\"auth\":[{\"use\":\"multi_secret\",\"secrets\":{\"alice\":\"a\"},\"policy\":{"          \
	"\"alice\":"                                                                               \
	"{" policy "}}}],\"server\":{\"usage_file\":\"/tmp/use\"}}"
	ck_assert_contains(doubt_scene_server(LIMITED(
				   "\"bytes_per_day\":\"2g\",\n\"bytes_per_month\":\"1g\"")),
	                   ":1: /auth/0/policy/alice/bytes_per_day: it has no effect: it is above "
	                   "bytes_per_month\n");
	ck_assert_lacks(
		doubt_scene_server(LIMITED("\"bytes_per_day\":\"1g\",\"bytes_per_month\":\"1g\"")),
		"no effect");
}
END_TEST

START_TEST(one_address_may_have_more_handshakes_than_all)
{
	ck_assert_contains(doubt_scene_server("{\"limits\":{\"max_handshakes\":5,\n"
	                                      "\"max_handshakes_per_ip\":9}}"),
	                   ":2: /limits/max_handshakes_per_ip: it has no effect: it is above "
	                   "limits.max_handshakes\n");
}
END_TEST

SUITE("limit_doubts", bytes_of_a_day_above_those_of_a_month,
      one_address_may_have_more_handshakes_than_all, a_limit_behind_another_one_is_named,
      a_client_s_limit_above_the_server_s_is_named, bans_that_reach_nobody,
      values_above_one_that_counts_first)
