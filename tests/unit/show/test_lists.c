#include "show/lists.h"

#include "scene/answer_scene.h"
#include "suite.h"

START_TEST(a_list_is_a_table)
{
	answer_scene_check(
		"relays",
		"{\"all\":3,\"relays\":["
		"{\"id\":7,\"tunnel\":2,\"port\":80,\"identity\":\"alice\",\"visitor\":\"192.0.2.1:"
		"5\","
		"\"age_ms\":3723000,\"idle_ms\":999,\"bytes_up\":1023,\"bytes_down\":1536},"
		"{\"id\":8,\"tunnel\":2,\"port\":80,\"identity\":null,\"visitor\":\"x\","
		"\"age_ms\":180000000,\"idle_ms\":61000,\"bytes_up\":0,\"bytes_down\":"
		"1099511627776}]"
		"}",
		"ID  TUNNEL  PORT  IDENTITY  VISITOR      AGE    IDLE   UP      DOWN\n"
		"7   2       80    alice     192.0.2.1:5  1h02m  0s     1023 B  1.5 KiB\n"
		"8   2       80    -         x            2d02h  1m01s  0 B     1.0 TiB\n"
		"and 1 more\n");
}
END_TEST

START_TEST(bans_are_a_table)
{
	answer_scene_check(
		"bans",
		"{\"all\":1,\"bans\":[{\"source\":\"192.0.2.7\",\"left_ms\":42000,\"tries\":9}]}",
		"SOURCE     LEFT  TRIES\n"
		"192.0.2.7  42s   9\n");
}
END_TEST

/* Only the start of a long text. */
START_TEST(what_a_client_says_is_shown_in_short)
{
	answer_scene_check(
		"tunnels",
		"{\"tunnels\":["
		"{\"id\":1,\"name\":\"web\",\"version\":\"spore/1\",\"hosts_held\":[\"a\",\"*.b\"],"
		"\"tags\":{\"env\":\"test\",\"a\":\"\"},"
		"\"identity_day\":{\"used\":512,\"allowed\":1048576}},"
		"{\"id\":2,\"name\":\"a2345678901234567890123456789012345678901234567890\","
		"\"tags\":{\"k\":7}}]}",
		"ID  PORT  IDENTITY  CLIENT  AGE  VISITORS  WAITING  TOTAL  UP  DOWN  HEARTBEATS  "
		"SHARED  HOSTS   NAME                                              VERSION  TAGS   "
		"       "
		"SERVICE  SERVICE ERROR  USED TODAY        THIS MONTH  REFUSES  ENTRY  "
		"DENIED BY\n"
		"1   -     -         -       -    -         -        -      -   -     -           "
		"-       a, *.b  web                                               spore/1  "
		"env=test, a=  "
		"-        "
		"-              512 B of 1.0 MiB  -           -        -      -\n"
		"2   -     -         -       -    -         -        -      -   -     -           "
		"-       -       a23456789012345678901234567890123456789012345...  -        k=     "
		"       "
		"-        "
		"-              -                 -           -        -      -\n");
}
END_TEST

SUITE("lists", a_list_is_a_table, bans_are_a_table, what_a_client_says_is_shown_in_short)
