#include "doubts/port_doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

START_TEST(a_reserved_port_that_no_tunnel_would_get)
{
	const char *found = doubt_scene_server(
		"{\"server\":{\"ports\":\"20000-21000,22000\",\"reserved_ports\":["
		"20000,\n80,\"20990-22222\",\n\"1-19999,65535\",22000]},"
		"\"auth\":[" DOUBT_SCENE_AUTH "]}");

	ck_assert_contains(found, ":2: /server/reserved_ports/1: no tunnel would get this port "
	                          "anyway");
	ck_assert_contains(found, ":3: /server/reserved_ports/3: ");
	ck_assert_lacks(found, "/0: ");
	ck_assert_lacks(found, "/2: ");
	ck_assert_lacks(found, "/4: ");
	ck_assert_str_eq(
		doubt_scene_server("{\"server\":{\"reserved_ports\":[]},\"auth\":[" DOUBT_SCENE_AUTH
	                           "]}"),
		"");
}
END_TEST

START_TEST(a_header_at_a_port_without_tunnels)
{
	const char *found = doubt_scene_server(
		"{\"server\":{\"ports\":\"20000-21000\",\"reserved_ports\":[20500],"
		"\"send_proxy_ports\":[20000,\n80,\"20999-22222\",\n20500]},"
		"\"auth\":[" DOUBT_SCENE_AUTH "]}");

	ck_assert_contains(found, ":2: /server/send_proxy_ports/1: no tunnel gets this port: it is "
	                          "not one of the public ports");
	ck_assert_contains(found, ":3: /server/send_proxy_ports/3: ");
	ck_assert_lacks(found, "/0: ");
	ck_assert_lacks(found, "/2: ");
}
END_TEST

/* A tunnel that asks for the port would be refused; an exporter's other ports do no harm. */
START_TEST(a_listener_among_the_public_ports_is_named)
{
#define LISTENER(ip) "\"metrics\":[{\"use\":\"prometheus\",\"listen\":\"" ip ":9464\"}]"
#define PORTS(more)  "\"server\":{\"bind_addr\":\"127.0.0.1\",\"ports\":\"9000-9999\"" more "}"
	const char *found = doubt_scene_server("{" PORTS("") ",\n" LISTENER("127.0.0.1") "}");

	ck_assert_contains(found, ":2: /metrics/0: it listens at port 9464, which is one of the "
	                          "public ports: no tunnel would get it.");
	ck_assert_lacks(doubt_scene_server("{" PORTS("") "," LISTENER("127.0.0.2") "}"), "listens");
	ck_assert_lacks(doubt_scene_server("{" PORTS(",\"reserved_ports\":[9464]") "," LISTENER(
				"127.0.0.1") "}"),
	                "listens");
}
END_TEST

SUITE("port_doubts", a_reserved_port_that_no_tunnel_would_get, a_header_at_a_port_without_tunnels,
      a_listener_among_the_public_ports_is_named)
