#include "show/status_answer.h"

#include "scene/answer_scene.h"
#include "suite.h"

START_TEST(dates_say_how_long)
{
	answer_scene_check(
		"status",
		"{\"state\":\"serving\",\"control_port\":\"[::]:1\",\"version\":\"9\",\"log_"
		"level\":"
		"\"info\","
		"\"dates\":[{\"metric\":\"m\",\"utc\":\"2027-01-01T00:00:00Z\",\"days_left\":3,"
		"\"labels\":[\"file=a\",\"b=c\"]},"
		"{\"metric\":\"n\",\"utc\":\"2020-01-01T00:00:00Z\",\"days_left\":-2,\"labels\":[]}"
		"]"
		"}",
		"state        serving at [::]:1, up for 0s\n"
		"version      9, process 0\n"
		"workers      0\n"
		"tunnels      0\n"
		"visitors     0 relayed, 0 waiting, 0 in total, 0 B\n"
		"strangers    0, 0 refusals in total\n"
		"plugins      0 instances; generation 0, 0 alive\n"
		"memory       unknown\n"
		"descriptors  unknown number of 0\n"
		"log          info, 0 lines dropped\n"
		"m            2027-01-01T00:00:00Z, 3 days left: file=a, b=c\n"
		"n            2020-01-01T00:00:00Z, PASSED 1 days ago\n");
}
END_TEST

START_TEST(routed_ports_have_lines)
{
	answer_scene_check(
		"status",
		"{\"state\":\"serving\",\"control_port\":\"[::]:1\",\"version\":\"9\",\"log_"
		"level\":\"info\",\"routed_ports\":[{\"port\":443,\"addresses\":\"[::]:443\","
		"\"entry\":\"web\",\"routes\":[\"sni\",\"http\"],\"visitors_all\":7,"
		"\"without_tunnel\":1},{\"port\":80,\"addresses\":\"[::]:80\",\"entry\":null,"
		"\"routes\":[\"http\"]}],\"host_names\":3,\"tunnels_with_hosts\":2}",
		"state        serving at [::]:1, up for 0s\n"
		"version      9, process 0\n"
		"workers      0\n"
		"tunnels      0\n"
		"visitors     0 relayed, 0 waiting, 0 in total, 0 B\n"
		"strangers    0, 0 refusals in total\n"
		"routed port  [::]:443 by sni, http, entry web, 7 visitors in total, 1 without a "
		"tunnel yet\n"
		"routed port  [::]:80 by http, 0 visitors in total, 0 without a tunnel yet\n"
		"host names   3, of 2 tunnels\n"
		"plugins      0 instances; generation 0, 0 alive\n"
		"memory       unknown\n"
		"descriptors  unknown number of 0\n"
		"log          info, 0 lines dropped\n");
}
END_TEST

START_TEST(a_limit_says_where_it_comes_from)
{
	answer_scene_check(
		"status",
		"{\"state\":\"serving\",\"control_port\":\"[::]:1\",\"version\":\"9\",\"log_"
		"level\":"
		"\"info\",\"visitors\":2,\"max_visitors\":12,"
		"\"max_visitors_from\":\"limits.max_relays\",\"memory\":2048,\"descriptors\":9,"
		"\"max_descriptors\":20,\"usage_file_error\":{\"error\":\"No space left on "
		"device\",\"duration_ms\":60000},\"last_reload\":{\"successful\":false,\"age_ms\":"
		"60000,"
		"\"error\":\"s.json:1: no\"}}",
		"state         serving at [::]:1, up for 0s\n"
		"version       9, process 0\n"
		"workers       0\n"
		"tunnels       0\n"
		"visitors      0 relayed, 0 waiting, 0 in total, 0 B\n"
		"visitors now  2 of at most 12 (set by limits.max_relays)\n"
		"strangers     0, 0 refusals in total\n"
		"usage file    cannot be written for 1m00s: No space left on device\n"
		"plugins       0 instances; generation 0, 0 alive\n"
		"last reload   refused 1m00s ago: s.json:1: no\n"
		"memory        2.0 KiB\n"
		"descriptors   9 of 20\n"
		"log           info, 0 lines dropped\n");
}
END_TEST

SUITE("status_answer", dates_say_how_long, routed_ports_have_lines,
      a_limit_says_where_it_comes_from)
