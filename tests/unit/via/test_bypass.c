/* NO_PROXY. The examples are those of curl's documents. */
#include "bypass.h"

#include "suite.h"

static void check_bypass(const char *list, const char *host, bool expected)
{
	ck_assert_msg(bypass_has(list, host) == expected, "\"%s\" and %s", list, host);
}

START_TEST(a_name_stands_for_those_below_it)
{
	check_bypass("example.com", "example.com", true);
	check_bypass("example.com", "www.example.com", true);
	check_bypass("example.com", "EXAMPLE.com.", true);
	check_bypass("example.com.", "example.com", true);
	check_bypass(".example.com", "example.com", true);
	check_bypass(".example.com", "www.example.com", true);
	check_bypass("example.com", "nonexample.com", false);
	check_bypass("www.example.com", "example.com", false);
	check_bypass("com", "example.com", true);
}
END_TEST

START_TEST(words_are_separated_by_commas_or_blanks)
{
	check_bypass("a.test,b.test", "b.test", true);
	check_bypass(" a.test , b.test ", "b.test", true);
	check_bypass("a.test b.test", "b.test", true);
	check_bypass("", "b.test", false);
	check_bypass(" ,, ", "b.test", false);
	check_bypass(".", "b.test", false);
	check_bypass(",b.test", "a.test", false);
}
END_TEST

START_TEST(a_star_alone_stands_for_all)
{
	check_bypass("*", "example.com", true);
	check_bypass("*", "10.0.0.1", true);
	check_bypass("*,a.test", "example.com", false);
	check_bypass("*.example.com", "www.example.com", false);
}
END_TEST

START_TEST(addresses_and_prefixes)
{
	check_bypass("192.168.0.1", "192.168.0.1", true);
	check_bypass("192.168.0.1", "192.168.0.11", false);
	check_bypass("192.168.0.0/16", "192.168.7.1", true);
	check_bypass("192.168.0.0/20", "192.168.15.1", true);
	check_bypass("192.168.0.0/20", "192.168.16.1", false);
	check_bypass("0.0.0.0/0", "8.8.8.8", true);
	check_bypass("192.168.0.0/33", "192.168.0.0", false);
	check_bypass("192.168.0.0/", "192.168.0.0", false);
	check_bypass("192.168.0.0/1x", "192.168.0.0", false);
	check_bypass("fe80::/10", "fe80::1", true);
	check_bypass("fe80::/10", "2001:db8::1", false);
	check_bypass("::1", "::1", true);
	check_bypass("::1/128", "0:0:0:0:0:0:0:1", true);
	check_bypass("0.1", "192.168.0.1", false);
	check_bypass("10.0.0.0/8", "ten.example.com", false);
}
END_TEST

SUITE("bypass", a_name_stands_for_those_below_it, words_are_separated_by_commas_or_blanks,
      a_star_alone_stands_for_all, addresses_and_prefixes)
