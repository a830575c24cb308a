#include "doubts/transport_doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

#define CLIENT(to, more) "{\"client\":{\"to\":" to more "},\"tunnels\":[{\"local_port\":80}],\n"
#define VIA              "{\"use\":\"via\",\"url\":\"http://proxy\"}"
#define TLS              "{\"use\":\"tls\"}"
#define PLAIN            "{\"use\":\"plain\"}"

START_TEST(two_transports_that_tell_the_client_s_address)
{
#define PROXY "{\"use\":\"proxy\",\"trusted\":[\"10.0.0.1\"]}"
	ck_assert_contains(
		doubt_scene_server("{\"transport\":[" PROXY ",{\"use\":\"plain\"},\n" PROXY "]}"),
		":2: /transport/2: it expects the client's address from a proxy, as "
		"/transport/0 does: each connection must bring it twice, but several "
		"proxies in a row send it once\n");
	ck_assert_lacks(doubt_scene_server("{\"transport\":[" PROXY ",{\"use\":\"plain\"}]}"),
	                "proxy");
}
END_TEST

START_TEST(a_way_that_begins_above_other_transports)
{
	ck_assert_contains(
		doubt_scene_lines(ROLE_LOCAL, CLIENT("\"a\"", "") "\"transport\":[" PLAIN "," TLS
	                                                          ",\n" VIA "]}"),
		":3: /transport/2: it leads through another host, and /transport/1 in front of it "
		"speaks with that host, not with the server: expected it first\n");
	ck_assert_str_eq(doubt_scene_lines(ROLE_LOCAL, CLIENT("\"a\"", "") "\"transport\":[" PLAIN
	                                                                   "," VIA "," TLS "]}"),
	                 "");
}
END_TEST

START_TEST(a_proxy_s_header_inside_of_another_transport)
{
	const char *found = doubt_scene_server("{\"transport\":[{\"use\":\"doubted\"},\n" PROXY
	                                       "]}");

	ck_assert_contains(found, ":2: /transport/1: it expects the proxy's header inside of "
	                          "/transport/0, but most proxies send it in front");
	ck_assert_lacks(doubt_scene_server("{\"transport\":[" PROXY ",{\"use\":\"doubted\"}]}"),
	                "proxy's");
	ck_assert_lacks(doubt_scene_server("{\"transport\":[{\"use\":\"plain\"}," PROXY "]}"),
	                "proxy's");
}
END_TEST

SUITE("transport_doubts", two_transports_that_tell_the_client_s_address,
      a_way_that_begins_above_other_transports, a_proxy_s_header_inside_of_another_transport)
