#include "log/event.h"

#include "suite.h"

START_TEST(a_text_has_its_length)
{
	struct log_field field = log_str("peer", "127.0.0.1");

	ck_assert_str_eq(field.key, "peer");
	ck_assert_str_eq(field.text, "127.0.0.1");
	ck_assert_uint_eq(field.len, 9);
	field = log_text("bytes", "a\0b", 3);
	ck_assert_uint_eq(field.len, 3);
	ck_assert_int_eq(field.text[2], 'b');
}
END_TEST

START_TEST(no_text_is_an_empty_one)
{
	ck_assert_str_eq(log_str("x", NULL).text, "");
	ck_assert_uint_eq(log_str("x", NULL).len, 0);
	ck_assert_str_eq(log_text("x", NULL, 0).text, "");
}
END_TEST

START_TEST(a_number_has_no_text)
{
	struct log_field field = log_int("n", INT64_MIN);

	ck_assert_str_eq(field.key, "n");
	ck_assert_ptr_null(field.text);
	ck_assert_int_eq(field.number, INT64_MIN);
}
END_TEST

SUITE("event", a_text_has_its_length, no_text_is_an_empty_one, a_number_has_no_text)
