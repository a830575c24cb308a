#include "show/human.h"

#include <string.h>

#include "suite.h"

static const char *bytes(double n)
{
	static char text[HUMAN_SIZE];

	human_bytes(n, text);
	return text;
}

static const char *age(double ms)
{
	static char text[HUMAN_SIZE];

	human_age(ms, text);
	return text;
}

START_TEST(bytes_have_a_unit)
{
	ck_assert_str_eq(bytes(0), "0 B");
	ck_assert_str_eq(bytes(1023), "1023 B");
	ck_assert_str_eq(bytes(1536), "1.5 KiB");
	ck_assert_str_eq(bytes(3.0 * 1024 * 1024 * 1024), "3.0 GiB");
	ck_assert_uint_lt(strlen(bytes(1e300)), HUMAN_SIZE);
}
END_TEST

START_TEST(an_age_has_two_units)
{
	ck_assert_str_eq(age(59999), "59s");
	ck_assert_str_eq(age(61000), "1m01s");
	ck_assert_str_eq(age(3723000), "1h02m");
	ck_assert_str_eq(age(180000000), "2d02h");
}
END_TEST

SUITE("human", bytes_have_a_unit, an_age_has_two_units)
