#include "base/uuid.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static const char canonical[] = "6fa459ea-ee8a-4ca4-894e-db77e160355e";

static bool reads_as(const char *text, const char *expected)
{
	char out[UUID_TEXT_SIZE];
	struct uuid uuid;

	if (!uuid_parse(text, strlen(text), &uuid))
		return false;
	uuid_format(&uuid, out);
	return strcmp(out, expected) == 0;
}

START_TEST(every_form_is_read)
{
	ck_assert(reads_as(canonical, canonical));
	ck_assert(reads_as("6FA459EA-EE8A-4CA4-894E-DB77E160355E", canonical));
	ck_assert(reads_as("6fa459eaee8a4ca4894edb77e160355E", canonical));
	ck_assert(reads_as("{6fa459ea-ee8a-4ca4-894e-db77e160355e}", canonical));
	ck_assert(reads_as("urn:uuid:6fa459ea-ee8a-4ca4-894e-db77e160355e", canonical));
	ck_assert(reads_as("ffffffff-ffff-ffff-ffff-ffffffffffff",
	                   "ffffffff-ffff-ffff-ffff-ffffffffffff"));
}
END_TEST

START_TEST(all_else_is_refused)
{
	static const char *const bad[] = {
		"",
		"6",
		"{}",
		"urn:uuid:",
		"6fa459ea-ee8a-4ca4-894e-db77e160355",
		"6fa459ea-ee8a-4ca4-894e-db77e160355e0",
		"6fa459ea-ee8a-4ca4-894edb77e160355e",
		"6fa459eaee8a-4ca4-894e-db77e160355e",
		"6fa459e-aee8a-4ca4-894e-db77e160355e",
		"6fa459ea_ee8a_4ca4_894e_db77e160355e",
		"6fa459ea-ee8a-4ca4-894e-db77e160355g",
		" fa459ea-ee8a-4ca4-894e-db77e160355e",
		"6fa459eaee8a4ca4894edb77e160355",
		"6fa459eaee8a4ca4894edb77e16035-e",
		"{6fa459ea-ee8a-4ca4-894e-db77e160355e",
		"6fa459ea-ee8a-4ca4-894e-db77e160355e}",
		"(6fa459ea-ee8a-4ca4-894e-db77e160355e)",
		"{6fa459eaee8a4ca4894edb77e160355e}",
		"urn:uuid:6fa459eaee8a4ca4894edb77e160355e",
		"urn:uuid:{6fa459ea-ee8a-4ca4-894e-db77e160355e}",
		"urn:uuie:6fa459ea-ee8a-4ca4-894e-db77e160355e",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct uuid uuid;

		ck_assert_msg(!uuid_parse(bad[i], strlen(bad[i]), &uuid), "%s", bad[i]);
	}
}
END_TEST

START_TEST(a_wrong_byte_anywhere_is_refused)
{
	for (size_t at = 0; at < strlen(canonical); at++) {
		char text[sizeof canonical];
		struct uuid uuid;

		memcpy(text, canonical, sizeof text);
		text[at] = text[at] == '-' ? '0' : 'x';
		ck_assert_msg(!uuid_parse(text, strlen(text), &uuid), "%s", text);
	}
}
END_TEST

START_TEST(random_ones_are_version_4_and_differ)
{
	struct uuid last = { { 0 } };

	for (int i = 0; i < 1000; i++) {
		struct uuid uuid, back;
		char text[UUID_TEXT_SIZE];

		ck_assert(uuid_random(&uuid));
		ck_assert_int_eq(uuid.bytes[6] >> 4, 4);
		ck_assert_int_eq(uuid.bytes[8] >> 6, 2);
		ck_assert(!uuid_equal(&uuid, &last));
		uuid_format(&uuid, text);
		ck_assert_uint_eq(strlen(text), 36);
		ck_assert(uuid_parse(text, 36, &back));
		ck_assert(uuid_equal(&uuid, &back));
		last = uuid;
	}
}
END_TEST

START_TEST(those_of_a_stock_are_random_and_leave_nothing_there)
{
	static const struct uuid zeroes;
	struct uuid_stock stock = { .left = 0 };
	struct uuid uuids[3 * UUID_STOCK];

	for (unsigned i = 0; i < 3 * UUID_STOCK; i++) {
		ck_assert(uuid_stock_take(&stock, &uuids[i]));
		ck_assert_int_eq(uuids[i].bytes[6] >> 4, 4);
		ck_assert_int_eq(uuids[i].bytes[8] >> 6, 2);
		ck_assert(uuid_equal(&stock.uuids[stock.left], &zeroes));
		for (unsigned j = 0; j < i; j++)
			ck_assert(!uuid_equal(&uuids[i], &uuids[j]));
	}
}
END_TEST

START_TEST(a_mark_is_version_8_with_12_bits_and_changes_nothing_else)
{
	struct uuid plain, marked;
	char text[UUID_TEXT_SIZE];

	ck_assert(uuid_random(&plain));
	marked = plain;
	uuid_mark(&marked, 0xA5C);
	uuid_format(&marked, text);
	ck_assert_int_eq(strncmp(text + 14, "8a5c", 4), 0);
	uuid_mark(&marked, 0);
	uuid_format(&marked, text);
	ck_assert_int_eq(strncmp(text + 14, "8000", 4), 0);
	marked.bytes[6] = plain.bytes[6];
	marked.bytes[7] = plain.bytes[7];
	ck_assert(uuid_equal(&marked, &plain));
}
END_TEST

SUITE("uuid", those_of_a_stock_are_random_and_leave_nothing_there, every_form_is_read,
      all_else_is_refused, a_wrong_byte_anywhere_is_refused, random_ones_are_version_4_and_differ,
      a_mark_is_version_8_with_12_bits_and_changes_nothing_else)
