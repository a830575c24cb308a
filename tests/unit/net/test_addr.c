#include "net/addr.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "suite.h"

START_TEST(addresses_survive_the_round_trip)
{
	static const char *const good[] = {
		"127.0.0.1:80",
		"0.0.0.0:0",
		"255.255.255.255:65535",
		"[::1]:80",
		"[::]:0",
		"[2001:db8::1]:443",
		"[fe80::1%7]:22",
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535"
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char text[ADDR_TEXT_SIZE];
		struct sockaddr_storage sa;
		spore_addr addr, back;

		ck_assert_msg(addr_parse(good[i], &addr), "%s", good[i]);
		ck_assert_str_eq(addr_format(&addr, text), good[i]);
		ck_assert_uint_gt(addr_to_sockaddr(&addr, &sa), 0);
		addr_from_sockaddr((struct sockaddr *)&sa, &back);
		ck_assert_msg(addr_equal(&addr, &back), "%s", good[i]);
	}
}
END_TEST

START_TEST(ip_addresses_have_no_port)
{
	spore_addr addr;
	char text[ADDR_TEXT_SIZE];

	ck_assert(addr_parse_ip("10.1.2.3", &addr));
	ck_assert_uint_eq(addr.family, 4);
	ck_assert_uint_eq(addr.port, 0);
	ck_assert_mem_eq(addr.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x01\x02\x03", 16);
	ck_assert_str_eq(addr_format_ip(&addr, text), "10.1.2.3");
	ck_assert(addr_parse_ip("fe80::1%lo", &addr) == (addr.scope_id != 0));
	ck_assert(addr_parse_ip("FE80::1%3", &addr));
	ck_assert_uint_eq(addr.scope_id, 3);
	ck_assert_str_eq(addr_format_ip(&addr, text), "fe80::1%3");
}
END_TEST

START_TEST(a_mapped_address_is_ipv4)
{
	spore_addr mapped, plain;

	ck_assert(addr_parse_ip("::ffff:127.0.0.1", &mapped));
	ck_assert(addr_parse_ip("127.0.0.1", &plain));
	ck_assert(addr_equal(&mapped, &plain));
	ck_assert(addr_parse("[::FFFF:7f00:1]:80", &mapped));
	ck_assert(addr_parse("127.0.0.1:80", &plain));
	ck_assert(addr_equal(&mapped, &plain));
}
END_TEST

START_TEST(bad_ip_addresses_are_refused)
{
	static const char *const bad[] = {
		"", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", " 1.2.3.4",
		"1.2.3.4 ", "0x7f.1", "[::1]", "::1::", ":::", "1:2:3:4:5:6:7:8:9", "::g",
		"fe80::1%", "fe80::1%no-such-interface", "1.2.3.4%1", "::1/64",
		"fe80::1%4294967296",
		/* longer than any address */
		"0000:0000:0000:0000:0000:0000:0000:0001%000000000000000000000000000000000000000001"
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		spore_addr addr;

		ck_assert_msg(!addr_parse_ip(bad[i], &addr), "%s", bad[i]);
	}
}
END_TEST

START_TEST(bad_addresses_with_ports_are_refused)
{
	static const char *const bad[] = { "",           ":",          ":80",
		                           "1.2.3.4",    "1.2.3.4:",   "1.2.3.4:65536",
		                           "1.2.3.4:-1", "1.2.3.4:+1", "1.2.3.4: 80",
		                           "1.2.3.4:8o", "::1:80",     "[::1]",
		                           "[::1]:",     "[::1:80",    "::1]:80",
		                           "[]:80",      "[::1]]:80",  "[[::1]]:80",
		                           "[::1]x:80",  "x[::1]:80",  "localhost:80",
		                           "[:80",       "]:80",       "[::1%]:80" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		spore_addr addr;

		ck_assert_msg(!addr_parse(bad[i], &addr), "%s", bad[i]);
	}
}
END_TEST

static void check_cidr(const char *text, uint32_t family, uint32_t prefix_len)
{
	spore_cidr cidr;

	ck_assert_msg(addr_parse_cidr(text, &cidr), "%s", text);
	ck_assert_uint_eq(cidr.family, family);
	ck_assert_msg(cidr.prefix_len == prefix_len, "%s: %u", text, cidr.prefix_len);
}

START_TEST(prefixes_count_over_128_bits)
{
	check_cidr("10.0.0.0/8", 4, 104);
	check_cidr("0.0.0.0/0", 4, 96);
	check_cidr("10.1.2.3", 4, 128);
	check_cidr("10.1.2.3/32", 4, 128);
	check_cidr("10.1.2.2/31", 4, 127);
	check_cidr("128.0.0.0/1", 4, 97);
	check_cidr("2001:db8::/32", 6, 32);
	check_cidr("::/0", 6, 0);
	check_cidr("::1", 6, 128);
	check_cidr("8000::/1", 6, 1);
	check_cidr("::ffff:10.0.0.0/104", 4, 104);
	check_cidr("::ffff:10.1.2.3", 4, 128);
	check_cidr("::ffff:0:0/96", 4, 96);
	check_cidr("::fffe:0:0/95", 6, 95);
}
END_TEST

START_TEST(bad_prefixes_are_refused)
{
	static const char *const bad[] = { "",
		                           "/8",
		                           "10.0.0.0/",
		                           "10.0.0.0/33",
		                           "10.0.0.1/8",
		                           "10.1.2.3/31",
		                           "10.0.0.0/-1",
		                           "10.0.0.0/8/8",
		                           "10.0.0.0/a",
		                           "10.0.0/8",
		                           "10.0.0.0 /8",
		                           "10.0.0.0/ 8",
		                           "::1/129",
		                           "::1/127",
		                           "2001:db8::1/32",
		                           "1::/0",
		                           "fe80::1%2",
		                           "fe80::%2/64",
		                           "fe80::%0/64",
		                           "::1%0",
		                           "[::]/0",
		                           "10.0.0.0/255.0.0.0",
		                           "any" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		spore_cidr cidr;

		ck_assert_msg(!addr_parse_cidr(bad[i], &cidr), "%s", bad[i]);
	}
}
END_TEST

START_TEST(bits_behind_a_prefix_show_which_was_meant)
{
	static const char *const pairs[][2] = {
		{ "10.0.0.1/8", "10.0.0.0/8" },
		{ "255.255.255.255/0", "0.0.0.0/0" },
		{ "10.1.2.3/31", "10.1.2.2/31" },
		{ "2001:db8::1/32", "2001:db8::/32" },
		{ "::ffff:10.1.2.3/104", "10.0.0.0/8" },
		{ "::ffff:10.1.2.3/80", "::/80" },
		{ "ffff:ffff::1/127", "ffff:ffff::/127" },
	};
	char text[ADDR_TEXT_SIZE];
	spore_cidr cidr;

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		ck_assert(!addr_parse_cidr(pairs[i][0], &cidr));
		ck_assert_str_eq(addr_format_cidr(&cidr, text), pairs[i][1]);
		ck_assert(addr_parse_cidr(pairs[i][1], &cidr));
		ck_assert_str_eq(addr_format_cidr(&cidr, text), pairs[i][1]);
	}
	ck_assert(!addr_parse_cidr("10.0.0.0/33", &cidr));
	ck_assert_uint_eq(cidr.family, 0);
}
END_TEST

START_TEST(a_prefix_holds_addresses_of_its_family)
{
	static const struct {
		const char *ip, *cidr;
		bool inside;
	} cases[] = {
		{ "10.1.2.3", "10.0.0.0/8", true },
		{ "11.0.0.0", "10.0.0.0/8", false },
		{ "10.1.2.3", "10.1.2.2/31", true },
		{ "10.1.2.4", "10.1.2.2/31", false },
		{ "10.1.2.3", "0.0.0.0/0", true },
		{ "::1", "0.0.0.0/0", false },
		{ "10.1.2.3", "::/0", false },
		{ "10.1.2.3", "::/80", false },
		{ "::ffff:10.1.2.3", "::/0", false },
		{ "10.1.2.3", "::ffff:0:0/96", true },
		{ "::1", "::/0", true },
		{ "::1", "::/127", true },
		{ "2001:db8:1::", "2001:db8::/32", true },
		{ "2001:db9::", "2001:db8::/32", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		spore_cidr cidr;
		spore_addr addr;

		ck_assert(addr_parse_ip(cases[i].ip, &addr) &&
		          addr_parse_cidr(cases[i].cidr, &cidr));
		ck_assert_msg(addr_in_cidr(addr.ip, &cidr) == cases[i].inside, "%s %s", cases[i].ip,
		              cases[i].cidr);
	}
}
END_TEST

START_TEST(prefixes_that_leave_no_address_out)
{
	static const struct {
		const char *cidrs[4]; /* until NULL */
		bool all4, all6;
	} cases[] = {
		{ { "0.0.0.0/0" }, true, false },
		{ { "::/0" }, false, true },
		{ { "::/0", "0.0.0.0/0" }, true, true },
		{ { "10.0.0.0/8", "128.0.0.0/1", "0.0.0.0/1" }, true, false },
		{ { "::/1", "c000::/2", "8000::/2" }, false, true },
		{ { "::/1", "c000::/2", "8000::/3" }, false, false },
		{ { "0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3" }, false, false },
		{ { "127.0.0.1", "::1" }, false, false },
		{ { NULL }, false, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		spore_cidr list[4];
		size_t n = 0;

		for (; n < 4 && cases[i].cidrs[n]; n++)
			ck_assert(addr_parse_cidr(cases[i].cidrs[n], &list[n]));
		ck_assert_int_eq(addr_is_family_in(4, list, n), cases[i].all4);
		ck_assert_int_eq(addr_is_family_in(6, list, n), cases[i].all6);
	}
}
END_TEST

START_TEST(a_mapped_peer_is_ipv4)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
	char text[ADDR_TEXT_SIZE];
	spore_addr addr, same;

	memcpy(&in6.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\x00\x00\x01", 16);
	addr_from_sockaddr((struct sockaddr *)&in6, &addr);
	ck_assert_uint_eq(addr.family, 4);
	ck_assert_str_eq(addr_format(&addr, text), "127.0.0.1:80");
	ck_assert(addr_parse("127.0.0.1:80", &same));
	ck_assert(addr_equal(&addr, &same));
	ck_assert(addr_parse("[::ffff:127.0.0.1]:80", &addr));
	ck_assert_str_eq(addr_format(&addr, text), "127.0.0.1:80");
}
END_TEST

START_TEST(what_is_no_ip_is_shown_too)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	char text[ADDR_TEXT_SIZE];
	spore_addr addr;

	addr_from_sockaddr((struct sockaddr *)&un, &addr);
	ck_assert_str_eq(addr_format(&addr, text), "unix");
	addr_from_sockaddr(&none, &addr);
	ck_assert_str_eq(addr_format(&addr, text), "-");
}
END_TEST

START_TEST(loopback_is_this_machine_alone)
{
	static const char *const near[] = { "127.0.0.1:80", "127.255.0.9:1", "[::1]:80" };
	static const char *const far[] = { "128.0.0.1:80", "126.1.1.1:80", "0.0.0.0:80",
		                           "[::]:80",      "[::2]:80",     "[1::1]:80" };
	spore_addr addr;

	for (size_t i = 0; i < sizeof near / sizeof *near; i++)
		ck_assert_msg(addr_parse(near[i], &addr) && addr_is_loopback(&addr), "%s", near[i]);
	for (size_t i = 0; i < sizeof far / sizeof *far; i++)
		ck_assert_msg(addr_parse(far[i], &addr) && !addr_is_loopback(&addr), "%s", far[i]);
}
END_TEST

START_TEST(equal_means_every_part)
{
	spore_addr a, b;

	ck_assert(addr_parse("[fe80::1%2]:80", &a));
	ck_assert(addr_parse("[fe80::1%2]:81", &b) && !addr_equal(&a, &b));
	ck_assert(addr_parse("[fe80::1%3]:80", &b) && !addr_equal(&a, &b));
	ck_assert(addr_parse("[fe80::2%2]:80", &b) && !addr_equal(&a, &b));
	ck_assert(addr_parse("[fe80::1%2]:80", &b) && addr_equal(&a, &b));
}
END_TEST

START_TEST(an_ip_address_is_found_in_a_list)
{
	spore_addr items[2], addr;
	spore_list list = { items, 2, sizeof *items };

	ck_assert(addr_parse_ip("127.0.0.1", &items[0]) && addr_parse_ip("::1", &items[1]));
	ck_assert(addr_parse("127.0.0.1:80", &addr));
	ck_assert_uint_eq(addr_find_ip(&list, &addr), 0);
	ck_assert(addr_parse("[::1]:80", &addr));
	ck_assert_uint_eq(addr_find_ip(&list, &addr), 1);
	ck_assert(addr_parse("[::2]:80", &addr));
	ck_assert_uint_eq(addr_find_ip(&list, &addr), 2);
}
END_TEST

SUITE("addr", an_ip_address_is_found_in_a_list, addresses_survive_the_round_trip,
      ip_addresses_have_no_port, a_mapped_address_is_ipv4, bad_ip_addresses_are_refused,
      bad_addresses_with_ports_are_refused, prefixes_count_over_128_bits, bad_prefixes_are_refused,
      bits_behind_a_prefix_show_which_was_meant, a_prefix_holds_addresses_of_its_family,
      prefixes_that_leave_no_address_out, a_mapped_peer_is_ipv4, what_is_no_ip_is_shown_too,
      loopback_is_this_machine_alone, equal_means_every_part)
