#include "base/zeroed.h"

#include "suite.h"

START_TEST(memory_that_was_used_is_zero_again)
{
	enum { SIZE = 200 };

	for (int i = 0; i < 20; i++) {
		unsigned char *bytes = zeroed_new(SIZE);

		ck_assert_ptr_nonnull(bytes);
		for (int k = 0; k < SIZE; k++)
			ck_assert_uint_eq(bytes[k], 0);
		memset(bytes, 0xA5, SIZE);
		free(bytes);
	}
}
END_TEST

SUITE("zeroed", memory_that_was_used_is_zero_again)
