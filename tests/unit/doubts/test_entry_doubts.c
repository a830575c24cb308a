#include "doubts/entry_doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

#define ENTRIES(more) "{\"server\":{\"ports\":\"8000-9000\"},\"public\":[" more "]}"
#define LISTED(ports) "{\"ports\":\"" ports "\",\"acl\":[]}"

START_TEST(entries_of_ports_that_no_tunnel_gets)
{
	const char *found = doubt_scene_server(
		ENTRIES(LISTED("8000,8843\",\n\"name\":\"x") ",\n" LISTED("443-444")));

	ck_assert_contains(found, ":3: /public/1/ports: no tunnel gets one of these ports: "
	                          "expected public ports");
	ck_assert_lacks(found, "/public/0");
	found = doubt_scene_server(ENTRIES(LISTED("8000,9443") "," LISTED("80-90,8001-65535")));
	ck_assert_contains(found, "/public/0/ports: no tunnel gets the port 9443: expected");
	ck_assert_contains(found, "/public/1/ports: no tunnel gets the ports 80-90: expected");
	ck_assert_lacks(found, "8001");
	found = doubt_scene_server("{\"server\":{\"reserved_ports\":[8001]},\"public\":[" LISTED(
		"7835") "," LISTED("8001") "]}");
	ck_assert_contains(found, "/public/0/ports: no tunnel gets");
	ck_assert_contains(found, "/public/1/ports: no tunnel gets");
	found = doubt_scene_server(
		"{\"server\":{\"ports\":\"8000-9000\"},\"public\":[{\"listen_port\":"
		"443,\"route\":[{\"use\":\"sni\"}]}," LISTED("443") "]}");
	ck_assert_lacks(found, "/public/0: ");
	ck_assert_lacks(found, "/public/0/ports");
	ck_assert_contains(found, "/public/1/ports: no tunnel gets");
}
END_TEST

START_TEST(entries_whose_ports_earlier_ones_have)
{
	const char *found = doubt_scene_server(
		ENTRIES(LISTED("8000-8499") "," LISTED("8500-8999") ",\n" LISTED("8400-8600")));

	ck_assert_contains(found, ":2: /public/2/ports: this entry has no effect: entries in "
	                          "front of it have all of its ports\n");
	ck_assert_lacks(found, "/public/1");
	found = doubt_scene_server(ENTRIES(LISTED("8000-8499") "," LISTED("8400-8600,8443,8800")));
	ck_assert_contains(found, "/public/1/ports: /public/0 in front of it has the ports "
	                          "8400-8499, too: the first entry with a port counts\n");
	ck_assert_contains(doubt_scene_server(ENTRIES(LISTED("8000-8499") "," LISTED("8443,8800"))),
	                   "in front of it has the port 8443, too");
	/* An exception, and the rest. */
	ck_assert_lacks(doubt_scene_server(ENTRIES(LISTED("8443") "," LISTED("1-65535"))),
	                "public");
}
END_TEST

START_TEST(entries_without_transports_and_lists)
{
	static const char idle[] = "this entry has no effect: it has neither transports nor access "
				   "lists\n";

	ck_assert_contains(doubt_scene_server(ENTRIES("{\"ports\":8000}")), idle);
	ck_assert_contains(doubt_scene_server(ENTRIES("{\"ports\":8000,\"transport\":[]}")), idle);
	ck_assert_lacks(doubt_scene_server(ENTRIES("{\"ports\":8000,\"acl\":[]}")), idle);
	ck_assert_lacks(doubt_scene_server(ENTRIES("{\"ports\":8000}," LISTED("8000-8999"))), idle);
}
END_TEST

START_TEST(entries_of_one_name)
{
	const char *found = doubt_scene_server(
		ENTRIES("{\"name\":\"web\",\"ports\":8000,\"acl\":[]},"
	                "{\"name\":\"web\",\"ports\":8001,\"acl\":[]}"));

	ck_assert_contains(found, "/public/1/name: /public/0 has this name, too");
	ck_assert_lacks(doubt_scene_server(ENTRIES(LISTED("8000") "," LISTED("8001"))),
	                "has this name");
}
END_TEST

SUITE("entry_doubts", entries_of_one_name, entries_of_ports_that_no_tunnel_gets,
      entries_whose_ports_earlier_ones_have, entries_without_transports_and_lists)
