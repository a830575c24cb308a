#include "commands/ctl_print.h"

#include <string.h>

#include "suite.h"
#include "json/parse.h"

static void check(const char *command, const char *answer, const char *expected)
{
	struct json_doc *doc = json_doc_new();
	struct json_source *source = json_source_add(doc, "answer", answer, strlen(answer));
	struct json_error error;
	struct json *root = json_parse(doc, source, &error);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(root);
	ck_assert(ctl_print(command, root, out));
	fclose(out);
	ck_assert_str_eq(text, expected);
	free(text);
	json_doc_free(doc);
}

START_TEST(a_list_is_a_table)
{
	check("relays",
	      "{\"all\":3,\"relays\":["
	      "{\"id\":7,\"tunnel\":2,\"port\":80,\"identity\":\"alice\",\"visitor\":\"192.0.2.1:"
	      "5\","
	      "\"age_ms\":3723000,\"idle_ms\":999,\"bytes_up\":1023,\"bytes_down\":1536},"
	      "{\"id\":8,\"tunnel\":2,\"port\":80,\"identity\":null,\"visitor\":\"x\","
	      "\"age_ms\":180000000,\"idle_ms\":61000,\"bytes_up\":0,\"bytes_down\":1099511627776}]"
	      "}",
	      "ID  TUNNEL  PORT  IDENTITY  VISITOR      AGE    IDLE   UP      DOWN\n"
	      "7   2       80    alice     192.0.2.1:5  1h02m  0s     1023 B  1.5 KiB\n"
	      "8   2       80    -         x            2d02h  1m01s  0 B     1.0 TiB\n"
	      "and 1 more\n");
}
END_TEST

START_TEST(bans_are_a_table)
{
	check("bans",
	      "{\"all\":1,\"bans\":[{\"source\":\"192.0.2.7\",\"left_ms\":42000,\"tries\":9}]}",
	      "SOURCE     LEFT  TRIES\n"
	      "192.0.2.7  42s   9\n");
	check("unban", "{\"lifted\":\"192.0.2.7\"}", "192.0.2.7 may connect again\n");
}
END_TEST

START_TEST(a_hostile_text_is_shown_harmless)
{
	check("tunnels", "{\"tunnels\":[{\"id\":1,\"identity\":\"\\u001b[2J\\u0007\"}]}",
	      "ID  PORT  IDENTITY     CLIENT  AGE  VISITORS  WAITING  TOTAL  UP  DOWN  "
	      "HEARTBEATS  NAME  VERSION  TAGS  SERVICE  SERVICE ERROR  USED TODAY  THIS MONTH  "
	      "ENTRY\n"
	      "1   -     \\x1b[2J\\x07  -       -    -         -        -      -   -     "
	      "-           -     -        -     -        -              -           -           "
	      "-\n");
}
END_TEST

/* Only the start of a long text. */
START_TEST(what_a_client_says_is_shown_in_short)
{
	check("tunnels",
	      "{\"tunnels\":["
	      "{\"id\":1,\"name\":\"web\",\"version\":\"spore/1\",\"hosts\":[],"
	      "\"tags\":{\"env\":\"test\",\"a\":\"\"},"
	      "\"identity_day\":{\"used\":512,\"allowed\":1048576}},"
	      "{\"id\":2,\"name\":\"a2345678901234567890123456789012345678901234567890\","
	      "\"tags\":{\"k\":7}}]}",
	      "ID  PORT  IDENTITY  CLIENT  AGE  VISITORS  WAITING  TOTAL  UP  DOWN  HEARTBEATS  "
	      "NAME                                              VERSION  TAGS          "
	      "SERVICE  SERVICE ERROR  USED TODAY        THIS MONTH  ENTRY\n"
	      "1   -     -         -       -    -         -        -      -   -     -           "
	      "web                                               spore/1  env=test, a=  -        "
	      "-              512 B of 1.0 MiB  -           -\n"
	      "2   -     -         -       -    -         -        -      -   -     -           "
	      "a23456789012345678901234567890123456789012345...  -        k=            -        "
	      "-              -                 -           -\n");
}
END_TEST

START_TEST(whatever_is_missing_or_of_another_type_crashes_nothing)
{
	static const char *const commands[] = { "status",  "tunnels", "relays", "loops",
		                                "plugins", "kick",    "drain",  "log-level",
		                                "reload",  "other" };
	static const char *const answers[] = {
		"{}",
		"{\"dates\":5,\"workers\":\"x\",\"main\":[],\"tunnels\":[1,\"x\",[],{}],\"is\":{},"
		"\"was\":7}",
		"{\"dates\":[1,{\"labels\":[1,{}]}],\"relays\":{\"a\":1},\"instances\":null,"
		"\"files\":true}",
	};

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		for (size_t k = 0; k < sizeof answers / sizeof *answers; k++) {
			struct json_doc *doc = json_doc_new();
			struct json_error error;
			struct json *root = json_parse(
				doc, json_source_add(doc, "a", answers[k], strlen(answers[k])),
				&error);
			FILE *out = fopen("/dev/null", "w");

			ck_assert_ptr_nonnull(root);
			ck_assert(ctl_print(commands[i], root, out));
			fclose(out);
			json_doc_free(doc);
		}
	}
}
END_TEST

START_TEST(dates_say_how_long)
{
	check("status",
	      "{\"state\":\"serving\",\"control_port\":\"[::]:1\",\"version\":\"9\",\"log_level\":"
	      "\"info\","
	      "\"dates\":[{\"metric\":\"m\",\"utc\":\"2027-01-01T00:00:00Z\",\"days_left\":3,"
	      "\"labels\":[\"file=a\",\"b=c\"]},"
	      "{\"metric\":\"n\",\"utc\":\"2020-01-01T00:00:00Z\",\"days_left\":-2,\"labels\":[]}]"
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

START_TEST(changes_say_what_was_not_set)
{
	check("reload",
	      "{\"generation\":2,\"warnings\":[\"w\"],\"changes\":["
	      "{\"key\":\"/a\",\"from\":null,\"to\":\"5\",\"from_is_default\":false,"
	      "\"to_is_default\":false,\"holds\":\"live\"},"
	      "{\"key\":\"/b\",\"from\":\"3\",\"to\":\"4\",\"from_is_default\":true,"
	      "\"holds\":\"live\"}]}",
	      "reloaded: generation 2, 2 changes\n"
	      "warning: w\n"
	      "KEY  FROM         TO  HOLDS\n"
	      "/a   not set      5   live\n"
	      "/b   3 (default)  4   live\n");
}
END_TEST

START_TEST(a_limit_says_where_it_comes_from)
{
	check("status",
	      "{\"state\":\"serving\",\"control_port\":\"[::]:1\",\"version\":\"9\",\"log_level\":"
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

START_TEST(a_text_of_lines)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ctl_print_text("a\n\x1b b\xc3\xa9\xff\n", out);
	fclose(out);
	ck_assert_str_eq(text, "a\n\\x1b b\xc3\xa9\\xff\n");
	free(text);
}
END_TEST

SUITE("ctl_print", changes_say_what_was_not_set, a_limit_says_where_it_comes_from,
      what_a_client_says_is_shown_in_short, a_list_is_a_table, bans_are_a_table,
      a_hostile_text_is_shown_harmless, whatever_is_missing_or_of_another_type_crashes_nothing,
      dates_say_how_long, a_text_of_lines)
