#include "option/value_number.h"

#include "scene/value_scene.h"
#include "suite.h"

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
	check_bad(&row, "\"1\"",
	          "expected a whole number from -5 to 10 without quotes, found \"1\"");
	check_bad(&row, "\"-5\"",
	          "expected a whole number from -5 to 10 without quotes, found \"-5\"");
	check_bad(&row, "\"0\"",
	          "expected a whole number from -5 to 10 without quotes, found \"0\"");
	check_bad(&row, "\"11\"", "expected a whole number from -5 to 10, found \"11\"");
	check_bad(&row, "\"01\"", "expected a whole number from -5 to 10, found \"01\"");
	check_bad(&row, "\"1 \"", "expected a whole number from -5 to 10, found \"1 \"");
	check_bad(&row, "\"-\"", "expected a whole number from -5 to 10, found \"-\"");
	check_bad(&row, "\"\"", "expected a whole number from -5 to 10, found \"\"");
	check_bad(&free_row, "\"1\"", "expected a whole number without quotes, found \"1\"");
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
	check_bad(&row, "\"7835\"",
	          "expected a port from 1 to 65535 without quotes, found \"7835\"");
	check_bad(&row, "\"http\"", "expected a port from 1 to 65535, found \"http\"");
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
		                          "\"5m\" (units: ms, s, m, h, d), or seconds, "
		                          "found "),
		              "%s", bad[i]);
		option_scene_close(&scene);
	}
	check_number(&bound, "\"100ms\"", 100);
	check_number(&bound, "60", 60000);
	check_bad(&bound, "\"99ms\"",
	          "expected a duration from 100ms to 1m, such as \"1.5s\" (units: ms, s, m, h, d), "
	          "or seconds, found "
	          "\"99ms\"");
	check_bad(&bound, "61",
	          "expected a duration from 100ms to 1m, such as \"1.5s\" (units: ms, s, m, h, d), "
	          "or seconds, found 61");
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
	          "expected a size in bytes, such as 65536, \"64k\" or \"1m\" (units: b, k, m, g), "
	          "found \"64kb\"");
	check_bad(&row, "5.5",
	          "expected a size in bytes, such as 65536, \"64k\" or \"1m\" (units: b, k, m, g), "
	          "found 5.5");
	check_bad(&row, "\"5.5b\"",
	          "expected a size in bytes, such as 65536, \"64k\" or \"1m\" (units: b, k, m, g), "
	          "found \"5.5b\"");
	check_bad(&row, "-1",
	          "expected a size in bytes, such as 65536, \"64k\" or \"1m\" (units: b, k, m, g), "
	          "found -1");
	check_bad(&row, "false",
	          "expected a size in bytes, such as 65536, \"64k\" or \"1m\" (units: b, k, m, g), "
	          "found false");
	check_bad(&bound, "\"2m\"",
	          "expected a size from 1k to 1m, such as 65536 or \"64k\" (units: b, k, m, g), "
	          "found "
	          "\"2m\"");
	check_bad(&bound, "1023",
	          "expected a size from 1k to 1m, such as 65536 or \"64k\" (units: b, k, m, g), "
	          "found "
	          "1023");
}
END_TEST

START_TEST(a_port_without_bounds_is_any)
{
	spore_option row = row_of(SPORE_OPT_PORT, 1, 0);

	check_number(&row, "0", 0);
	check_number(&row, "65535", 65535);
	check_bad(&row, "65536", "expected a port from 0 to 65535, found 65536");
}
END_TEST

START_TEST(the_largest_unit_is_written)
{
	static const struct {
		int64_t value;
		const char *duration, *size;
	} cases[] = {
		{ 0, "0", "0" },           { 1, "1ms", "1b" },         { 1000, "1s", "1000b" },
		{ 1024, "1024ms", "1k" },  { 90000, "90s", "90000b" }, { 65536, "65536ms", "64k" },
		{ 60000, "1m", "60000b" },
	};
	char out[VALUE_SCALED_SIZE];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_str_eq(value_format_duration(cases[i].value, out), cases[i].duration);
		ck_assert_str_eq(value_format_size(cases[i].value, out), cases[i].size);
	}
	ck_assert_str_eq(value_format_duration(7 * 86400000, out), "7d");
	ck_assert_str_eq(value_format_size(INT64_C(3) << 30, out), "3g");
	ck_assert_str_eq(value_format_size(1572864, out), "1536k");
}
END_TEST

SUITE("value_number", whole_numbers, ports, durations, sizes, a_port_without_bounds_is_any,
      the_largest_unit_is_written)
