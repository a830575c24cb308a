#include "binary.h"

#include "proxy/headers.h"

#define V2 "PROXY v2: "

enum { LOCAL = 0x20, PROXY = 0x21 };
enum { NONE = 0x00, TCP4 = 0x11, TCP6 = 0x21, UNIX = 0x31 };
enum { CHECKSUM = 3, NAME = 2 };

/* 192.0.2.7:4000 to 10.0.0.1:80 */
static const uint8_t ipv4[12] = { 192, 0, 2, 7, 10, 0, 0, 1, 4000 >> 8, 4000 & 255, 0, 80 };

/* The addresses of IPv4, and a value behind them. */
static struct headers_bytes with_value(unsigned type, const void *value, size_t n)
{
	struct headers_bytes body = { .n = 0 };
	const uint8_t head[3] = { (uint8_t)type, (uint8_t)(n >> 8), (uint8_t)n };

	headers_add(&body, ipv4, sizeof ipv4);
	headers_add(&body, head, sizeof head);
	headers_add(&body, value, n);
	return headers_binary(PROXY, TCP4, body.bytes, body.n);
}

static void write32(uint8_t *at, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(number >> (24 - 8 * i));
}

START_TEST(addresses_of_both_families_are_read)
{
	struct headers_bytes b = headers_binary(PROXY, TCP4, ipv4, sizeof ipv4);
	uint8_t ipv6[36] = { 0x20, 1, 0xd, 0xb8, [15] = 7, [32] = 0xFF, 0xFF };

	headers_expect_client(&b, "192.0.2.7:4000", 4);
	b = headers_binary(PROXY, TCP6, ipv6, sizeof ipv6);
	headers_expect_client(&b, "[2001:db8::7]:65535", 6);
}
END_TEST

START_TEST(ipv4_written_as_ipv6_is_ipv4)
{
	uint8_t mapped[36] = { [10] = 0xFF, 0xFF, 192, 0, 2, 7, [33] = 9 };
	struct headers_bytes b = headers_binary(PROXY, TCP6, mapped, sizeof mapped);

	headers_expect_client(&b, "192.0.2.7:9", 4);
}
END_TEST

START_TEST(some_headers_have_no_client)
{
	uint8_t paths[216] = "/run/client.sock";
	struct headers_bytes b = headers_binary(PROXY, UNIX, paths, sizeof paths);

	headers_expect_no_client(&b);
	b = headers_binary(PROXY, NONE, NULL, 0);
	headers_expect_no_client(&b);
	b = headers_binary(LOCAL, NONE, NULL, 0);
	headers_expect_no_client(&b);
	/* What is behind LOCAL is skipped, whatever it is. */
	b = headers_binary(LOCAL, TCP4, ipv4, sizeof ipv4);
	headers_expect_no_client(&b);
	b = headers_binary(LOCAL, 0x99, "\2\xFF", 2);
	headers_expect_no_client(&b);
}
END_TEST

START_TEST(values_are_skipped)
{
	static uint8_t much[HEADER_MAX];
	struct headers_bytes b = with_value(NAME, "example.com", 11);

	headers_expect_client(&b, "192.0.2.7:4000", 4);
	b = with_value(NAME, "", 0);
	headers_expect_client(&b, "192.0.2.7:4000", 4);
	b = with_value(0xE0, much, HEADER_MAX - 16 - sizeof ipv4 - 3);
	ck_assert_uint_eq(b.n, HEADER_MAX);
	headers_expect_client(&b, "192.0.2.7:4000", 4);
}
END_TEST

START_TEST(a_checksum_is_verified)
{
	struct headers_bytes b = with_value(CHECKSUM, "\0\0\0\0", 4);

	write32(b.bytes + b.n - 4, 0xff0c38ca); /* computed by another program */
	headers_expect_client(&b, "192.0.2.7:4000", 4);
	b.bytes[16] ^= 1; /* another address */
	headers_expect_wrong(&b, HEADER_CHECKSUM,
	                     V2 "expected the checksum 0x4637742d, found 0xff0c38ca");
}
END_TEST

START_TEST(a_checksum_has_four_bytes_and_is_the_only_one)
{
	static const char why[] = V2 "expected at most one checksum of 4 bytes";
	struct headers_bytes b = with_value(CHECKSUM, "\0\0\0", 3), body;
	uint8_t twice[14] = { CHECKSUM, 0, 4, [7] = CHECKSUM, 0, 4 };

	headers_expect_wrong(&b, HEADER_MALFORMED, why);
	body = (struct headers_bytes){ .n = 0 };
	headers_add(&body, ipv4, sizeof ipv4);
	headers_add(&body, twice, sizeof twice);
	b = headers_binary(PROXY, TCP4, body.bytes, body.n);
	headers_expect_wrong(&b, HEADER_MALFORMED, why);
}
END_TEST

START_TEST(a_value_ends_with_the_header)
{
	static const char why[] = V2 "a value (TLV) goes beyond the end of the header";
	static const uint8_t too_long[] = { NAME, 0, 5, 'a', 'b', 'c', 'd' };
	uint8_t body[sizeof ipv4 + sizeof too_long];
	struct headers_bytes b;

	memcpy(body, ipv4, sizeof ipv4);
	memcpy(body + sizeof ipv4, too_long, sizeof too_long);
	b = headers_binary(PROXY, TCP4, body, sizeof body);
	headers_expect_wrong(&b, HEADER_MALFORMED, why);
	for (size_t n = 1; n < 3; n++) { /* not even its length is there */
		b = headers_binary(PROXY, TCP4, body, sizeof ipv4 + n);
		headers_expect_wrong(&b, HEADER_MALFORMED, why);
	}
}
END_TEST

START_TEST(the_fixed_part_is_checked)
{
	struct headers_bytes b = headers_binary(0x31, TCP4, ipv4, sizeof ipv4);

	headers_expect_wrong(&b, HEADER_MALFORMED, V2 "expected the version 2, found 3");
	b = headers_binary(0x22, TCP4, ipv4, sizeof ipv4);
	headers_expect_wrong(&b, HEADER_MALFORMED,
	                     V2 "expected the command 0 (LOCAL) or 1 (PROXY), found 2");
	b = headers_binary(PROXY, TCP4, ipv4, sizeof ipv4 - 1);
	headers_expect_wrong(&b, HEADER_MALFORMED,
	                     V2 "expected a length of at least 12 for IPv4, found 11");
	b = headers_binary(PROXY, TCP6, ipv4, sizeof ipv4);
	headers_expect_wrong(&b, HEADER_MALFORMED,
	                     V2 "expected a length of at least 36 for IPv6, found 12");
	b = headers_binary(PROXY, UNIX, ipv4, sizeof ipv4);
	headers_expect_wrong(&b, HEADER_MALFORMED,
	                     V2 "expected a length of at least 216 for unix sockets, found 12");
	b = headers_binary(PROXY, TCP4, NULL, 0);
	b.bytes[14] = 0xFF;
	headers_expect_wrong(&b, HEADER_TOO_LONG,
	                     V2 "expected at most 4096 bytes, found a length of 65296");
}
END_TEST

START_TEST(other_families_are_refused)
{
	static const uint8_t wrong[] = { 0x12, 0x22, 0x32, 0x41, 0x01, 0x10, 0x20, 0x13, 0xFF };
	char why[100];

	for (size_t i = 0; i < sizeof wrong; i++) {
		uint8_t body[216] = { 0 };
		struct headers_bytes b = headers_binary(PROXY, wrong[i], body, sizeof body);

		snprintf(why, sizeof why,
		         V2 "expected the address family 0x00, 0x11, 0x21 or 0x31, found 0x%02x",
		         wrong[i]);
		headers_expect_wrong(&b, HEADER_MALFORMED, why);
	}
}
END_TEST

SUITE("binary", addresses_of_both_families_are_read, ipv4_written_as_ipv6_is_ipv4,
      some_headers_have_no_client, values_are_skipped, a_checksum_is_verified,
      a_checksum_has_four_bytes_and_is_the_only_one, a_value_ends_with_the_header,
      the_fixed_part_is_checked, other_families_are_refused)
