#include "reader.h"

#include "proxy/headers.h"

static void expect_missing(const void *bytes, size_t n, const char *found)
{
	struct headers_bytes b = { .n = 0 };
	char why[HEADER_WHY_SIZE];

	headers_add(&b, bytes, n);
	snprintf(why, sizeof why, "expected a PROXY header, found: %s", found);
	headers_expect_wrong(&b, HEADER_MISSING, why);
}

START_TEST(what_is_no_header_is_refused_at_its_first_wrong_byte)
{
	static const uint8_t tls[] = {
		0x16, 3, 1, 0, 0xF5, 1, 0, 0, 0xF1, 3, 3, 1, 2, 3, 4, 5, 6, 7
	};
	struct header header;

	expect_missing("GET / HTTP/1.1\r\n", 16, "GET / HTTP/1.1");
	expect_missing("POST", 4, "POST");
	expect_missing("PROXY4", 6, "PROXY4");
	expect_missing("{\"Hello\":0}", 12, "{\"Hello\":0}");
	expect_missing("x", 1, "x");
	expect_missing("\r\n\r\n\0\r\nQUIL", 11, "0x0d0a0d0a000d0a5155494c");
	expect_missing(tls, sizeof tls, "0x16030100f5010000f103030102030405");
	ck_assert_int_eq(reader_read((const uint8_t *)"PO", 2, &header), HEADER_WRONG);
}
END_TEST

START_TEST(first_no_more_than_the_shortest_header_is_asked_for)
{
	struct header header;

	ck_assert_int_eq(reader_read(NULL, 0, &header), HEADER_MORE);
	ck_assert_uint_eq(header.need, strlen("PROXY UNKNOWN\r\n"));
	ck_assert_int_eq(reader_read((const uint8_t *)"P", 1, &header), HEADER_MORE);
	ck_assert_uint_eq(header.need, strlen("ROXY UNKNOWN\r\n"));
	ck_assert_int_eq(reader_read((const uint8_t *)"\r", 1, &header), HEADER_MORE);
	ck_assert_uint_eq(header.need, 15);
}
END_TEST

/* As a reader of a socket does, which takes what it is asked for. */
START_TEST(a_line_takes_few_reads)
{
	struct headers_bytes b = headers_text("PROXY TCP6 2001:db8:1234:5678:9abc:def0:1234:5678 "
	                                      "2001:db8:1234:5678:9abc:def0:1234:9999 54321 7835"
	                                      "\r\n");
	struct header header;
	unsigned reads = 0;
	size_t n = 0;

	while (headers_read(&b, n, &header) == HEADER_MORE) {
		n += header.need;
		reads++;
	}
	ck_assert_uint_eq(n, b.n);
	ck_assert_uint_le(reads, 20);
}
END_TEST

SUITE("reader", what_is_no_header_is_refused_at_its_first_wrong_byte,
      first_no_more_than_the_shortest_header_is_asked_for, a_line_takes_few_reads)
