#include "option/value.h"

#include "option/value_describe.h"
#include "option/value_number.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/addr.h"
#include "option_scene.h"
#include "suite.h"

union value {
	uint32_t boolean;
	int64_t number;
	double real;
	const char *text;
	spore_str secret;
	spore_addr addr;
	spore_cidr cidr;
	spore_list list;
	const spore_cfg *node;
};

static spore_option row_of(uint32_t type, int64_t min, int64_t max)
{
	return (spore_option){
		.name = "v", .type = type, .min = min, .max = max, .choices = "one|two|three"
	};
}

/* Reads the JSON text as the type; the message is "" if it was good. */
static const char *read_value(struct option_scene *scene, const spore_option *row, const char *text,
                              union value *out)
{
	struct option_scope scope;
	const char *message;
	bool good;

	option_scene_open(scene, text);
	scope = (struct option_scope){ scene->doc, &scene->diag, "/folder", NULL, NULL };
	memset(out, 0, sizeof *out);
	good = value_read(&scope, row, scene->root, out);
	message = option_scene_message(scene);
	ck_assert_msg(good == (*message == '\0'), "%s: %s", text, message);
	return message;
}

static void check_number(const spore_option *row, const char *text, int64_t expected)
{
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, row, text, &value), "");
	ck_assert_msg(value.number == expected, "%s: %lld", text, (long long)value.number);
	option_scene_close(&scene);
}

static void check_bad(const spore_option *row, const char *text, const char *expected)
{
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, row, text, &value), expected);
	option_scene_close(&scene);
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

START_TEST(booleans)
{
	spore_option row = row_of(SPORE_OPT_BOOL, 1, 0);
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, &row, "true", &value), "");
	ck_assert_uint_eq(value.boolean, 1);
	option_scene_close(&scene);
	ck_assert_str_eq(read_value(&scene, &row, "false", &value), "");
	ck_assert_uint_eq(value.boolean, 0);
	option_scene_close(&scene);
	check_bad(&row, "1", "expected true or false, found 1");
	check_bad(&row, "\"true\"", "expected true or false, found \"true\"");
	check_bad(&row, "null", "expected true or false, found null");
}
END_TEST

START_TEST(whole_numbers)
{
	spore_option row = row_of(SPORE_OPT_INT, -5, 10), free_row = row_of(SPORE_OPT_INT, 1, 0);

	check_number(&row, "-5", -5);
	check_number(&row, "10", 10);
	check_number(&free_row, "9223372036854775807", INT64_MAX);
	check_number(&free_row, "-9223372036854775808", INT64_MIN);
	check_bad(&row, "11", "expected a whole number from -5 to 10, found 11");
	check_bad(&row, "-6", "expected a whole number from -5 to 10, found -6");
	check_bad(&row, "1.0", "expected a whole number from -5 to 10, found 1.0");
	check_bad(&row, "1e0", "expected a whole number from -5 to 10, found 1e0");
	check_bad(&row, "\"1\"", "expected a whole number from -5 to 10, found \"1\"");
	check_bad(&row, "[1]", "expected a whole number from -5 to 10, found an array");
	check_bad(&free_row, "9223372036854775808",
	          "expected a whole number, found 9223372036854775808");
	check_bad(&free_row, "true", "expected a whole number, found true");
}
END_TEST

START_TEST(ports)
{
	spore_option row = row_of(SPORE_OPT_PORT, 1, 65535);

	check_number(&row, "1", 1);
	check_number(&row, "65535", 65535);
	check_bad(&row, "0", "expected a port from 1 to 65535, found 0");
	check_bad(&row, "65536", "expected a port from 1 to 65535, found 65536");
	check_bad(&row, "-1", "expected a port from 1 to 65535, found -1");
	check_bad(&row, "\"http\"", "expected a port from 1 to 65535, found \"http\"");
}
END_TEST

START_TEST(real_numbers)
{
	spore_option row = row_of(SPORE_OPT_NUMBER, 1, 0);
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, &row, "-2.5e1", &value), "");
	ck_assert_double_eq(value.real, -25);
	option_scene_close(&scene);
	check_bad(&row, "\"1\"", "expected a number, found \"1\"");
	check_bad(&row, "{}", "expected a number, found an object");
}
END_TEST

START_TEST(durations)
{
	spore_option row = row_of(SPORE_OPT_DURATION, 1, 0),
		     bound = row_of(SPORE_OPT_DURATION, 100, 60000);
	static const char *const bad[] = { "-1",      "1e3",
		                           "\"\"",    "\"s\"",
		                           "\"1 s\"", "\" 1s\"",
		                           "\"1S\"",  "\"0x10\"",
		                           "\"1e3\"", "\"-1s\"",
		                           "\"+1s\"", "\"1..5s\"",
		                           "\"1w\"",  "\"inf\"",
		                           "\"nan\"", "\".5s\"",
		                           "\"1s \"", "\"1s2\"",
		                           "null",    "[]",
		                           "true",    "\"99999999999999999999d\"" };

	check_number(&row, "2", 2000);
	check_number(&row, "0.25", 250);
	check_number(&row, "\"2\"", 2000);
	check_number(&row, "\"200ms\"", 200);
	check_number(&row, "\"1.5s\"", 1500);
	check_number(&row, "\"5m\"", 300000);
	check_number(&row, "\"2h\"", 7200000);
	check_number(&row, "\"1d\"", 86400000);
	check_number(&row, "0", 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct option_scene scene;
		union value value;

		ck_assert_msg(starts_with(read_value(&scene, &row, bad[i], &value),
		                          "expected a duration such as \"200ms\", \"1.5s\", "
		                          "\"5m\", or seconds, "
		                          "found "),
		              "%s", bad[i]);
		option_scene_close(&scene);
	}
	check_number(&bound, "\"100ms\"", 100);
	check_number(&bound, "60", 60000);
	check_bad(&bound, "\"99ms\"",
	          "expected a duration from 100ms to 1m, such as \"1.5s\", or seconds, found "
	          "\"99ms\"");
	check_bad(&bound, "61",
	          "expected a duration from 100ms to 1m, such as \"1.5s\", or seconds, found 61");
}
END_TEST

START_TEST(sizes)
{
	spore_option row = row_of(SPORE_OPT_SIZE, 1, 0),
		     bound = row_of(SPORE_OPT_SIZE, 1024, 1048576);

	check_number(&row, "65536", 65536);
	check_number(&row, "\"65536\"", 65536);
	check_number(&row, "\"64k\"", 65536);
	check_number(&row, "\"64K\"", 65536);
	check_number(&row, "\"1.5m\"", 1572864);
	check_number(&row, "\"2G\"", INT64_C(2147483648));
	check_number(&row, "\"10b\"", 10);
	check_bad(&row, "\"64kb\"",
	          "expected a size in bytes, such as 65536, \"64k\" or \"1m\", found \"64kb\"");
	check_bad(&row, "-1",
	          "expected a size in bytes, such as 65536, \"64k\" or \"1m\", found -1");
	check_bad(&row, "false",
	          "expected a size in bytes, such as 65536, \"64k\" or \"1m\", found false");
	check_bad(&bound, "\"2m\"",
	          "expected a size from 1k to 1m, such as 65536 or \"64k\", found \"2m\"");
	check_bad(&bound, "1023",
	          "expected a size from 1k to 1m, such as 65536 or \"64k\", found 1023");
}
END_TEST

START_TEST(choices)
{
	spore_option row = row_of(SPORE_OPT_ENUM, 1, 0);

	check_number(&row, "\"one\"", 0);
	check_number(&row, "\"three\"", 2);
	check_bad(&row, "\"four\"", "expected one of one|two|three, found \"four\"");
	check_bad(&row, "\"one|two\"", "expected one of one|two|three, found \"one|two\"");
	check_bad(&row, "\"\"", "expected one of one|two|three, found \"\"");
	check_bad(&row, "\"On\"", "expected one of one|two|three, found \"On\"");
	check_bad(&row, "0", "expected a string, one of one|two|three, found 0");
}
END_TEST

static void check_text(uint32_t flags, const char *text, const char *expected)
{
	spore_option row = row_of(SPORE_OPT_STRING, 1, 0);
	struct option_scene scene;
	union value value;

	row.flags = flags;
	ck_assert_str_eq(read_value(&scene, &row, text, &value), "");
	ck_assert_str_eq(value.text, expected);
	option_scene_close(&scene);
}

START_TEST(texts_and_paths)
{
	spore_option row = row_of(SPORE_OPT_STRING, 1, 0);

	check_text(0, "\"x\"", "x");
	check_text(0, "\"\"", "");
	check_text(SPORE_OPTF_PATH, "\"a/b\"", "/folder/a/b");
	check_text(SPORE_OPTF_PATH, "\"/a/b\"", "/a/b");
	check_text(SPORE_OPTF_PATH, "\"\"", "");
	check_bad(&row, "5", "expected a string, found 5");
	check_bad(&row, "null", "expected a string, found null");
}
END_TEST

START_TEST(found_texts_are_shown_escaped_and_short)
{
	spore_option row = row_of(SPORE_OPT_INT, 1, 0);

	check_bad(&row, "\"a\\u001b[2J\\\"\"", "expected a whole number, found \"a\\x1b[2J\\x22\"");
	check_bad(
		&row,
		"\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
		"expected a whole number, found "
		"\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"...");
}
END_TEST

/* The dots say that something is missing: if and only if it is. */
START_TEST(dots_stand_for_what_is_missing)
{
	for (size_t len = 1; len < 80; len++) {
		for (int hostile = 0; hostile < 2; hostile++) {
			char text[80] = "", shown[128];
			struct json node = { .type = JSON_STRING, .raw = text, .len = len };
			size_t need = hostile ? 4 * len : len;

			memset(text, hostile ? '\x01' : 'x', len);
			value_describe(&node, shown, sizeof shown);
			ck_assert_msg((strstr(shown, "...") != NULL) ==
			                      (strcspn(shown + 1, "\"") < need),
			              "%zu bytes: %s", len, shown);
		}
	}
}
END_TEST

/* ---- secrets ---- */

static const spore_option secret_row = {
	.name = "s", .type = SPORE_OPT_SECRET, .min = 1, .max = 0
};

static void check_secret(const char *text, const char *expected, size_t len)
{
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, &secret_row, text, &value), "");
	ck_assert_uint_eq(value.secret.len, len);
	ck_assert_mem_eq(value.secret.ptr, expected, len);
	ck_assert_int_eq(value.secret.ptr[len], '\0');
	option_scene_close(&scene);
}

static const char *write_file(const char *bytes, size_t len)
{
	static char json[128], path[64];
	int fd;

	strcpy(path, "/tmp/spore-unit-secret-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
	snprintf(json, sizeof json, "{\"file\":\"%s\"}", path);
	return json;
}

static void remove_file(const char *json)
{
	char path[128];

	snprintf(path, sizeof path, "%s", json + strlen("{\"file\":\""));
	path[strcspn(path, "\"")] = '\0';
	unlink(path);
}

START_TEST(secrets_come_from_text_file_and_variable)
{
	static const char *const bytes[] = { "abc", "abc\n", "abc\r\n", "a\0b\n", "abc\n\n" };
	static const char *const secrets[] = { "abc", "abc", "abc", "a\0b", "abc\n" };
	static const size_t lens[][2] = { { 3, 3 }, { 4, 3 }, { 5, 3 }, { 4, 3 }, { 5, 4 } };

	check_secret("\"s3cret\"", "s3cret", 6);
	setenv("SPORE_UNIT_SECRET", "from env", 1);
	check_secret("{\"env\":\"SPORE_UNIT_SECRET\"}", "from env", 8);
	for (size_t i = 0; i < 5; i++) {
		const char *json = write_file(bytes[i], lens[i][0]);

		check_secret(json, secrets[i], lens[i][1]);
		remove_file(json);
	}
}
END_TEST

START_TEST(the_largest_secret_is_64_kib)
{
	char *big = malloc(65537);
	struct option_scene scene;
	union value value;
	const char *json;

	ck_assert_ptr_nonnull(big);
	memset(big, 's', 65537);
	json = write_file(big, 65536);
	check_secret(json, big, 65536);
	remove_file(json);
	json = write_file(big, 65537);
	ck_assert_ptr_nonnull(strstr(read_value(&scene, &secret_row, json, &value),
	                             "expected a secret of at most 64 KiB in /tmp/"));
	option_scene_close(&scene);
	remove_file(json);
	free(big);
}
END_TEST

START_TEST(bad_secrets_are_not_shown)
{
	static const char *const bad[] = { "42",
		                           "[\"hunter2\"]",
		                           "{\"flie\":\"hunter2\"}",
		                           "{\"file\":\"a\",\"env\":\"b\"}",
		                           "{}",
		                           "null",
		                           "true" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct option_scene scene;
		union value value;
		const char *message = read_value(&scene, &secret_row, bad[i], &value);

		ck_assert(starts_with(
			message,
			"expected a secret: \"text\", {\"file\": PATH} or {\"env\": NAME}, "
			"found "));
		ck_assert_ptr_null(strstr(message, "hunter2"));
		ck_assert_ptr_null(strstr(message, "42"));
		option_scene_close(&scene);
	}
	check_bad(&secret_row, "\"\"", "expected a secret, found an empty string");
	check_bad(&secret_row, "{\"file\":7}", "/file: expected a file's path, found 7");
	check_bad(&secret_row, "{\"file\":\"\"}", "/file: expected a file's path, found \"\"");
	check_bad(&secret_row, "{\"env\":[]}", "/env: expected a variable's name, found an array");
	check_bad(&secret_row, "{\"env\":\"SPORE_UNIT_UNSET\"}",
	          "/env: expected a secret in the environment variable SPORE_UNIT_UNSET, which is "
	          "not set");
	check_bad(&secret_row, "{\"file\":\"none\"}",
	          "/file: cannot open the secret file /folder/none: No such file or directory");
	check_bad(&secret_row, "{\"file\":\"/\"}",
	          "/file: cannot read the secret file /: Is a directory");
}
END_TEST

START_TEST(an_empty_file_is_no_secret)
{
	static const char *const empty[] = { "", "\n", "\r\n" };

	for (size_t i = 0; i < 3; i++) {
		const char *json = write_file(empty[i], strlen(empty[i]));
		struct option_scene scene;
		union value value;
		const char *message = read_value(&scene, &secret_row, json, &value);

		ck_assert_msg(
			starts_with(message, "/file: expected a secret in /tmp/spore-unit-secret-"),
			"%s", message);
		ck_assert_msg(strstr(message, ", found an empty file") != NULL, "%s", message);
		option_scene_close(&scene);
		remove_file(json);
	}
}
END_TEST

/* ---- addresses, ports, trees ---- */

START_TEST(addresses)
{
	spore_option ip = row_of(SPORE_OPT_IP, 1, 0), addr = row_of(SPORE_OPT_ADDR, 1, 0);
	spore_option cidr = row_of(SPORE_OPT_CIDR, 1, 0);
	struct option_scene scene;
	union value value;
	char text[ADDR_TEXT_SIZE];

	ck_assert_str_eq(read_value(&scene, &addr, "\"[::1]:80\"", &value), "");
	ck_assert_str_eq(addr_format(&value.addr, text), "[::1]:80");
	option_scene_close(&scene);
	ck_assert_str_eq(read_value(&scene, &ip, "\"10.1.2.3\"", &value), "");
	ck_assert_str_eq(addr_format_ip(&value.addr, text), "10.1.2.3");
	option_scene_close(&scene);
	ck_assert_str_eq(read_value(&scene, &cidr, "\"10.0.0.0/8\"", &value), "");
	ck_assert_uint_eq(value.cidr.prefix_len, 104);
	option_scene_close(&scene);
	check_bad(&ip, "\"localhost\"",
	          "expected an IP address such as \"127.0.0.1\" or \"::1\", found \"localhost\"");
	check_bad(&ip, "\"127.0.0.1:80\"",
	          "expected an IP address such as \"127.0.0.1\" or \"::1\", found "
	          "\"127.0.0.1:80\"");
	check_bad(&addr, "\"127.0.0.1\"",
	          "expected an address with a port such as \"127.0.0.1:80\" or \"[::1]:80\", "
	          "found \"127.0.0.1\"");
	check_bad(&addr, "80",
	          "expected an address with a port such as \"127.0.0.1:80\" or \"[::1]:80\", found "
	          "80");
	check_bad(&cidr, "\"10.0.0.1/8\"",
	          "expected \"10.0.0.0/8\" (no bits set after the prefix), found \"10.0.0.1/8\"");
	check_bad(&cidr, "\"10.0.0.0/33\"",
	          "expected an IP prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\", found "
	          "\"10.0.0.0/33\"");
	check_bad(&cidr, "[]",
	          "expected an IP prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\", found an "
	          "array");
}
END_TEST

START_TEST(port_ranges)
{
	spore_option row = row_of(SPORE_OPT_PORTS, 1, 0);
	static const char *const bad[] = { "\"\"",      "\",\"",       "\"1,\"",    "\"1-\"",
		                           "\"-1\"",    "\"0\"",       "\"0-5\"",   "\"5-4\"",
		                           "\"65536\"", "\"1-65536\"", "\"1 - 2\"", "\"1-2-3\"",
		                           "\"a\"",     "0",           "1.5",       "-5",
		                           "[1]",       "true" };
	struct option_scene scene;
	const spore_port_range *ranges;
	union value value;

	ck_assert_str_eq(read_value(&scene, &row, "\"20000-21000,80,1-65535\"", &value), "");
	ck_assert_uint_eq(value.list.count, 3);
	ck_assert_uint_eq(value.list.stride, sizeof *ranges);
	ranges = value.list.items;
	ck_assert(ranges[0].lo == 20000 && ranges[0].hi == 21000);
	ck_assert(ranges[1].lo == 80 && ranges[1].hi == 80);
	ck_assert(ranges[2].lo == 1 && ranges[2].hi == 65535);
	option_scene_close(&scene);
	ck_assert_str_eq(read_value(&scene, &row, "8080", &value), "");
	ranges = value.list.items;
	ck_assert(value.list.count == 1 && ranges[0].lo == 8080 && ranges[0].hi == 8080);
	option_scene_close(&scene);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(starts_with(read_value(&scene, &row, bad[i], &value),
		                          "expected ports from 1 to 65535, lowest first, such as "
		                          "\"20000-21000\" or "
		                          "\"8000,9000-9100\", found "),
		              "%s", bad[i]);
		option_scene_close(&scene);
	}
}
END_TEST

START_TEST(a_tree_is_handed_on)
{
	spore_option row = row_of(SPORE_OPT_NODE, 1, 0);
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, &row, "[1]", &value), "");
	ck_assert_ptr_eq(value.node, scene.root);
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_type_of_the_future_is_refused)
{
	spore_option row = row_of(4711, 1, 0);

	check_bad(&row, "1", "this option's type (4711) is newer than this host: update Spore");
}
END_TEST

SUITE("value", booleans, whole_numbers, ports, real_numbers, durations, sizes, choices,
      texts_and_paths, found_texts_are_shown_escaped_and_short, dots_stand_for_what_is_missing,
      secrets_come_from_text_file_and_variable, the_largest_secret_is_64_kib,
      bad_secrets_are_not_shown, an_empty_file_is_no_secret, addresses, port_ranges,
      a_tree_is_handed_on, a_type_of_the_future_is_refused)
