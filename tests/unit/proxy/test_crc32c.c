#include "crc32c.h"

#include "suite.h"

/* The check value of the algorithm, and the test vectors of RFC 3720, B.4. */
START_TEST(known_sums)
{
	uint8_t bytes[32] = { 0 };

	ck_assert_uint_eq(crc32c(0, (const uint8_t *)"123456789", 9), 0xE3069283);
	ck_assert_uint_eq(crc32c(0, bytes, sizeof bytes), 0x8A9136AA);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = 0xFF;
	ck_assert_uint_eq(crc32c(0, bytes, sizeof bytes), 0x62A8AB43);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	ck_assert_uint_eq(crc32c(0, bytes, sizeof bytes), 0x46DD794E);
	ck_assert_uint_eq(crc32c(0, bytes, 0), 0);
}
END_TEST

START_TEST(a_sum_of_parts_is_that_of_the_whole)
{
	const uint8_t *text = (const uint8_t *)"123456789";

	for (size_t n = 0; n <= 9; n++)
		ck_assert_uint_eq(crc32c(crc32c(0, text, n), text + n, 9 - n), 0xE3069283);
}
END_TEST

SUITE("crc32c", known_sums, a_sum_of_parts_is_that_of_the_whole)
