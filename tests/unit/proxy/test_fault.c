#include "fault.h"

#include "suite.h"

static void expect_found(const void *bytes, size_t n, const char *expected)
{
	char found[FOUND_SIZE];

	ck_assert_str_eq(fault_found(bytes, n, found), expected);
}

START_TEST(text_is_shown_as_text_and_the_rest_in_hex)
{
	expect_found("SSH-2.0-x\r\n", 11, "SSH-2.0-x");
	expect_found("ab", 2, "ab");
	expect_found("ab\n", 3, "0x61620a");
	expect_found("\x16\x03\x01", 3, "0x160301");
	expect_found("", 0, "nothing");
}
END_TEST

START_TEST(only_the_first_bytes_are_shown)
{
	char bytes[100];

	memset(bytes, 'a', sizeof bytes);
	expect_found(bytes, sizeof bytes, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	memset(bytes, 0xFE, sizeof bytes);
	expect_found(bytes, sizeof bytes, "0xfefefefefefefefefefefefefefefefe");
}
END_TEST

START_TEST(a_fault_has_a_kind_and_a_text)
{
	struct header header = { 0 };

	ck_assert_int_eq(fault_set(&header, HEADER_CHECKSUM, "%d of %s", 1, "two"), HEADER_WRONG);
	ck_assert_int_eq(header.fault, HEADER_CHECKSUM);
	ck_assert_str_eq(header.why, "1 of two");
}
END_TEST

SUITE("fault", text_is_shown_as_text_and_the_rest_in_hex, only_the_first_bytes_are_shown,
      a_fault_has_a_kind_and_a_text)
