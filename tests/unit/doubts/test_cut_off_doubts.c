#include "doubts/cut_off_doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

START_TEST(a_reload_that_cuts_clients_off)
{
#define AT(ip, port) "{\"server\":{\"bind_addr\":\"" ip "\",\"control_port\":" port "}}"
#define PLAINLY      "{\"transport\":[{\"use\":\"plain\"}]}"

	ck_assert_lacks(doubt_scene_reload(AT("127.0.0.1", "7000"), AT("127.0.0.1", "7000")),
	                "clients");
	ck_assert_lacks(doubt_scene_reload(AT("127.0.0.1", "7000"), AT("0.0.0.0", "7000")),
	                "clients");
	ck_assert_contains(doubt_scene_reload(AT("127.0.0.1", "7000"), AT("127.0.0.1", "7001")),
	                   "/server: the control port moves: clients that are connected");
	ck_assert_contains(doubt_scene_reload(AT("0.0.0.0", "7000"), AT("127.0.0.1", "7000")),
	                   "the control port moves");
	ck_assert_contains(doubt_scene_reload(PLAINLY,
	                                      "{\"transport\":[{\"use\":\"plain\"},{\"use\":"
	                                      "\"plain\",\"name\":\"more\"}]}"),
	                   "/transport: the transports change: clients");
	ck_assert_lacks(doubt_scene_reload(PLAINLY, PLAINLY), "clients");
	/* A section that is gone has no place of its own. */
	ck_assert_contains(doubt_scene_reload(AT("127.0.0.1", "7000"), "{\n}"), ":1: ");
}
END_TEST

SUITE("cut_off_doubts", a_reload_that_cuts_clients_off)
