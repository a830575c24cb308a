#include "wire/proxy_header.h"

#include <string.h>

#include "net/addr.h"
#include "suite.h"

static spore_addr addr_of(const char *text)
{
	spore_addr addr = { 0 };

	if (*text)
		ck_assert(addr_parse(text, &addr));
	return addr;
}

static void check_line(const char *from, const char *to, const char *expected)
{
	spore_addr source = addr_of(from), destination = addr_of(to);
	uint8_t out[PROXY_HEADER_MAX];
	size_t n = proxy_header_write(PROXY_HEADER_V1, &source, &destination, out);

	ck_assert_uint_eq(n, strlen(expected));
	ck_assert_mem_eq(out, expected, n);
}

START_TEST(a_line_names_both_addresses)
{
	check_line("192.0.2.7:40000", "198.51.100.1:443",
	           "PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n");
	check_line("[2001:db8::7]:1", "[2001:db8::1]:65535",
	           "PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n");
}
END_TEST

START_TEST(both_addresses_have_the_family_of_the_source)
{
	check_line("192.0.2.7:40000", "[2001:db8::1]:443",
	           "PROXY TCP4 192.0.2.7 0.0.0.0 40000 443\r\n");
	check_line("[2001:db8::7]:40000", "198.51.100.1:443",
	           "PROXY TCP6 2001:db8::7 ::ffff:198.51.100.1 40000 443\r\n");
}
END_TEST

START_TEST(a_destination_may_be_a_port_alone)
{
	spore_addr to = { .port = 443 }, from = addr_of("192.0.2.7:40000");
	static const char expected[] = "PROXY TCP4 192.0.2.7 0.0.0.0 40000 443\r\n";
	uint8_t out[PROXY_HEADER_MAX];
	size_t n = proxy_header_write(PROXY_HEADER_V1, &from, &to, out);

	ck_assert_uint_eq(n, sizeof expected - 1);
	ck_assert_mem_eq(out, expected, n);
	check_line("[2001:db8::7]:1", "", "PROXY TCP6 2001:db8::7 :: 1 0\r\n");
}
END_TEST

START_TEST(a_scope_is_left_out)
{
	check_line("[fe80::1%3]:1", "[fe80::2%3]:2", "PROXY TCP6 fe80::1 fe80::2 1 2\r\n");
}
END_TEST

START_TEST(an_unknown_source_has_no_addresses)
{
	check_line("", "198.51.100.1:443", "PROXY UNKNOWN\r\n");
}
END_TEST

START_TEST(the_longest_line_fits)
{
	check_line("[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
	           "[1111:2222:3333:4444:5555:6666:7777:9999]:65534",
	           "PROXY TCP6 1111:2222:3333:4444:5555:6666:7777:8888 "
	           "1111:2222:3333:4444:5555:6666:7777:9999 65535 65534\r\n");
}
END_TEST

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void check_binary(const char *from, const char *to, const char *expected, size_t len)
{
	spore_addr source = addr_of(from), destination = addr_of(to);
	uint8_t out[PROXY_HEADER_MAX];
	size_t n = proxy_header_write(PROXY_HEADER_V2, &source, &destination, out);

	ck_assert_uint_eq(n, len);
	ck_assert_mem_eq(out, expected, n);
}

#define CHECK_BINARY(from, to, rest)                                                               \
	check_binary(from, to, SIGNATURE rest, sizeof SIGNATURE rest - 1)

START_TEST(version_2_is_binary)
{
	CHECK_BINARY("192.0.2.7:258", "198.51.100.1:443",
	             "\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x01\x02\x01\xbb");
	CHECK_BINARY("[2001:db8::7]:258", "[2001:db8::1]:443",
	             "\x21\x21\0\x24"
	             "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
	             "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
	             "\x01\x02\x01\xbb");
	CHECK_BINARY("[2001:db8::7]:258", "198.51.100.1:443",
	             "\x21\x21\0\x24"
	             "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
	             "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x01"
	             "\x01\x02\x01\xbb");
	CHECK_BINARY("", "198.51.100.1:443", "\x20\0\0\0");
}
END_TEST

START_TEST(no_header_has_no_bytes)
{
	spore_addr addr = addr_of("192.0.2.7:258");
	uint8_t out[PROXY_HEADER_MAX];

	ck_assert_uint_eq(proxy_header_write(PROXY_HEADER_NONE, &addr, &addr, out), 0);
}
END_TEST

SUITE("proxy_header", a_line_names_both_addresses, both_addresses_have_the_family_of_the_source,
      a_destination_may_be_a_port_alone, a_scope_is_left_out, an_unknown_source_has_no_addresses,
      the_longest_line_fits, version_2_is_binary, no_header_has_no_bytes)
