#include "line.h"

#include "proxy/headers.h"

#define V1 "PROXY v1: expected "

static void expect_client(const char *line, const char *address, unsigned family)
{
	struct headers_bytes b = headers_text(line);

	headers_expect_client(&b, address, family);
}

static void expect_no_client(const char *line)
{
	struct headers_bytes b = headers_text(line);

	headers_expect_no_client(&b);
}

static void expect_malformed(const char *line, const char *why)
{
	struct headers_bytes b = headers_text(line);

	headers_expect_wrong(&b, HEADER_MALFORMED, why);
}

/* 'x' as often as the line needs to have so many bytes. */
static struct headers_bytes padded(const char *begin, size_t n, const char *end)
{
	struct headers_bytes b = headers_text(begin);

	while (b.n + strlen(end) < n)
		headers_add(&b, "x", 1);
	headers_add(&b, end, strlen(end));
	return b;
}

START_TEST(addresses_of_both_families_are_read)
{
	expect_client("PROXY TCP4 192.0.2.7 10.0.0.1 4000 80\r\n", "192.0.2.7:4000", 4);
	expect_client("PROXY TCP4 1.1.1.1 2.2.2.2 1 1\r\n", "1.1.1.1:1", 4);
	expect_client("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	              "255.255.255.255:65535", 4);
	expect_client("PROXY TCP4 1.2.3.4 2.2.2.2 0 0\r\n", "1.2.3.4:0", 4);
	expect_client("PROXY TCP6 2001:db8::7 ::1 4000 80\r\n", "[2001:db8::7]:4000", 6);
	expect_client("PROXY TCP6 :: :: 1 1\r\n", "[::]:1", 6);
	expect_client("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe "
	              "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	              "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535", 6);
}
END_TEST

START_TEST(ipv4_written_as_ipv6_is_ipv4)
{
	expect_client("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "192.0.2.7:1", 4);
	expect_client("PROXY TCP6 ::ffff:c000:207 ::1 1 2\r\n", "192.0.2.7:1", 4);
}
END_TEST

START_TEST(unknown_has_no_client)
{
	struct headers_bytes longest = padded("PROXY UNKNOWN ", HEADER_V1_MAX, "\r\n");

	expect_no_client("PROXY UNKNOWN\r\n");
	expect_no_client("PROXY UNKNOWN \r\n");
	expect_no_client("PROXY UNKNOWN 192.0.2.7 10.0.0.1 4000 80\r\n");
	expect_no_client("PROXY UNKNOWN anything \x01\xFF goes\r\n");
	headers_expect_no_client(&longest);
}
END_TEST

START_TEST(a_line_ends_within_107_bytes)
{
	static const char why[] = V1 "CR LF within 107 bytes, found none";
	struct headers_bytes b = padded("PROXY UNKNOWN ", HEADER_V1_MAX + 1, "\r\n");

	headers_expect_wrong(&b, HEADER_TOO_LONG, why);
	b = padded("PROXY TCP4 ", HEADER_V1_MAX, "");
	headers_expect_wrong(&b, HEADER_TOO_LONG, why);
	b = padded("PROXY UNKNOWN ", 3000, "\r\n");
	headers_expect_wrong(&b, HEADER_TOO_LONG, why);
}
END_TEST

START_TEST(a_line_ends_with_cr_lf)
{
	static const char why[] = V1 "CR LF at the end of the line, found one of them alone";

	expect_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 4000 80\n", why);
	expect_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 4000 80\r ", why);
	expect_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 4000\r80\r\n", why);
	expect_malformed("PROXY UNKNOWN\n\r", why);
	expect_malformed("PROXY UNKNOWN \r\r\n", why);
}
END_TEST

START_TEST(the_kind_is_one_of_three)
{
	expect_malformed("PROXY TCP5 192.0.2.7 10.0.0.1 4000 80\r\n",
	                 V1 "TCP4, TCP6 or UNKNOWN, found: PROXY TCP5 192.0.2.7 10.0.0.1 40");
	expect_malformed("PROXY tcp4 192.0.2.7",
	                 V1 "TCP4, TCP6 or UNKNOWN, found: PROXY tcp4 192.0.2.7");
	expect_malformed("PROXY UNKNOWNS\r\n", V1 "TCP4, TCP6 or UNKNOWN, found: PROXY UNKNOWNS");
	expect_malformed("PROXY  TCP4 192.0.2.7 10.0.0.1 4000 80\r\n",
	                 V1 "TCP4, TCP6 or UNKNOWN, found: PROXY  TCP4 192.0.2.7 10.0.0.1 4");
	expect_malformed("PROXY \r\n", V1 "TCP4, TCP6 or UNKNOWN, found: PROXY ");
}
END_TEST

START_TEST(there_are_four_fields)
{
	static const char why[] = V1 "two addresses and two ports, with single spaces between them";

	expect_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 4000\r\n", why);
	expect_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 4000 80 \r\n", why);
	expect_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 4000 80 1\r\n", why);
	expect_malformed("PROXY TCP4 192.0.2.7  10.0.0.1 4000 80\r\n", why);
	expect_malformed("PROXY TCP4 \r\n    ", why);
	expect_malformed("PROXY TCP4 192.0.2.7\t10.0.0.1 4000 80\r\n",
	                 V1 "printable characters, found others");
}
END_TEST

START_TEST(addresses_are_of_the_family)
{
	expect_malformed("PROXY TCP4 ::1 10.0.0.1 4000 80\r\n",
	                 V1 "an IPv4 address as the source address, found ::1");
	expect_malformed("PROXY TCP4 192.0.2.7 999.0.0.1 4000 80\r\n",
	                 V1 "an IPv4 address as the destination address, found 999.0.0.1");
	expect_malformed("PROXY TCP4 192.0.2.07 10.0.0.1 4000 80\r\n",
	                 V1 "an IPv4 address as the source address, found 192.0.2.07");
	expect_malformed("PROXY TCP4 192.0.2 10.0.0.1 4000 80\r\n",
	                 V1 "an IPv4 address as the source address, found 192.0.2");
	expect_malformed("PROXY TCP6 192.0.2.7 ::1 4000 80\r\n",
	                 V1 "an IPv6 address as the source address, found 192.0.2.7");
	expect_malformed("PROXY TCP6 fe80::1%lo ::1 4000 80\r\n",
	                 V1 "an IPv6 address as the source address, found fe80::1%lo");
}
END_TEST

START_TEST(ports_are_plain_numbers)
{
	static const char *const wrong[] = { "65536", "99999", "100000", "070", "00",
		                             "+1",    "-1",    "1x",     "0x1" };
	char line[120], why[160];

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(line, sizeof line, "PROXY TCP4 192.0.2.7 10.0.0.1 %s 80\r\n", wrong[i]);
		snprintf(why, sizeof why,
		         V1 "0 to 65535 without leading zeros as the source port, found %s",
		         wrong[i]);
		expect_malformed(line, why);
	}
	expect_malformed("PROXY TCP4 192.0.2.7 10.0.0.1 80 65536\r\n",
	                 V1 "0 to 65535 without leading zeros as the destination port, found "
	                    "65536");
}
END_TEST

SUITE("line", addresses_of_both_families_are_read, ipv4_written_as_ipv6_is_ipv4,
      unknown_has_no_client, a_line_ends_within_107_bytes, a_line_ends_with_cr_lf,
      the_kind_is_one_of_three, there_are_four_fields, addresses_are_of_the_family,
      ports_are_plain_numbers)
