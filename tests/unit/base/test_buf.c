#include "base/buf.h"

#include <string.h>

#include "suite.h"

START_TEST(empty_holds_no_memory)
{
	struct buf buf = { 0 };

	ck_assert(buf_append(&buf, NULL, 0, 10));
	ck_assert_ptr_null(buf.data);
	ck_assert(buf_append(&buf, "abc", 3, 10));
	ck_assert_ptr_nonnull(buf.data);
	buf_consume(&buf, 3);
	ck_assert_ptr_null(buf.data);
	ck_assert_uint_eq(buf.cap, 0);
	buf_fini(&buf);
	buf_fini(&buf);
}
END_TEST

START_TEST(the_limit_counts_what_waits)
{
	struct buf buf = { 0 };

	ck_assert(!buf_append(&buf, "12345", 5, 4));
	ck_assert_uint_eq(buf.len, 0);
	ck_assert(buf_append(&buf, "1234", 4, 4));
	ck_assert(!buf_append(&buf, "5", 1, 4));
	ck_assert_uint_eq(buf.len, 4);
	ck_assert_mem_eq(buf_bytes(&buf), "1234", 4);
	buf_consume(&buf, 2);
	ck_assert(buf_append(&buf, "56", 2, 4));
	ck_assert_mem_eq(buf_bytes(&buf), "3456", 4);
	ck_assert(!buf_append(&buf, "7", 1, 2)); /* less than it holds already */
	ck_assert(!buf_append(&buf, "7", SIZE_MAX, SIZE_MAX));
	buf_fini(&buf);
}
END_TEST

START_TEST(bytes_may_be_put_in_front)
{
	struct buf buf = { 0 };

	ck_assert(buf_prepend(&buf, NULL, 0));
	ck_assert_ptr_null(buf.data);
	ck_assert(buf_prepend(&buf, "cd", 2));
	ck_assert(buf_append(&buf, "e", 1, 9));
	buf_consume(&buf, 1);
	ck_assert(buf_prepend(&buf, "abc", 3));
	ck_assert_uint_eq(buf.len, 5);
	ck_assert_mem_eq(buf_bytes(&buf), "abcde", 5);
	for (int i = 0; i < 20; i++)
		ck_assert(buf_prepend(&buf, "0123456789", 10));
	ck_assert_uint_eq(buf.len, 205);
	ck_assert_mem_eq(buf_bytes(&buf) + 190, "0123456789abcde", 15);
	buf_fini(&buf);
}
END_TEST

/* A queue of a known pattern: the position tells the next byte. */
START_TEST(bytes_come_out_in_order)
{
	struct buf buf = { 0 };
	uint8_t in[700];
	size_t put = 0, got = 0;
	unsigned seed = 1;
	bool same = true;

	while (got < 200000) {
		size_t n = (seed = seed * 1103515245 + 12345) % sizeof in;

		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)((put + i) * 7 >> 3);
		if (buf_append(&buf, in, n, 3000))
			put += n;
		n = (seed = seed * 1103515245 + 12345) % (buf.len + 1);
		for (size_t i = 0; i < n && same; i++)
			same = buf_bytes(&buf)[i] == (uint8_t)((got + i) * 7 >> 3);
		ck_assert(same);
		buf_consume(&buf, n);
		got += n;
		ck_assert_uint_eq(buf.len, put - got);
		ck_assert_uint_le(buf.len, 3000);
		ck_assert_uint_le(buf.cap, 8192);
	}
	buf_fini(&buf);
}
END_TEST

SUITE("buf", empty_holds_no_memory, the_limit_counts_what_waits, bytes_may_be_put_in_front,
      bytes_come_out_in_order)
