#include "log/status.h"

#include <string.h>

#include "suite.h"

static void check_text(int32_t status, const char *expected)
{
	char text[STATUS_TEXT_SIZE];

	ck_assert_ptr_eq(status_text(status, text), text);
	ck_assert_str_eq(text, expected);
}

START_TEST(codes_have_a_text_and_their_name)
{
	check_text(SPORE_ENOMEM, "out of memory (SPORE_ENOMEM)");
	check_text(SPORE_EBACKEND, "its back-end failed (SPORE_EBACKEND)");
	check_text(SPORE_OK, "it reported success (SPORE_OK)");
}
END_TEST

START_TEST(no_code_is_forgotten_or_cut)
{
	for (int32_t status = SPORE_EBUSY; status <= SPORE_OK; status++) {
		char text[STATUS_TEXT_SIZE];

		status_text(status, text);
		ck_assert_msg(strstr(text, "(SPORE_") != NULL, "%d: %s", status, text);
		ck_assert_int_eq(text[strlen(text) - 1], ')');
	}
}
END_TEST

START_TEST(other_numbers_are_shown)
{
	check_text(1, "unknown status 1");
	check_text(SPORE_EBUSY - 1, "unknown status -14");
	check_text(SPORE_ALLOW, "unknown status 23041");
	check_text(INT32_MIN, "unknown status -2147483648");
}
END_TEST

SUITE("status", codes_have_a_text_and_their_name, no_code_is_forgotten_or_cut,
      other_numbers_are_shown)
