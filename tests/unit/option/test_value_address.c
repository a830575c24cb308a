#include "option/value_address.h"

#include "net/addr.h"
#include "scene/value_scene.h"
#include "suite.h"

START_TEST(addresses)
{
	spore_option ip = row_of(SPORE_OPT_IP, 1, 0), addr = row_of(SPORE_OPT_ADDR, 1, 0);
	spore_option cidr = row_of(SPORE_OPT_CIDR, 1, 0);
	struct option_scene scene;
	union value value;
	char text[ADDR_TEXT_SIZE];

	ck_assert_str_eq(read_value(&scene, &addr, "\"[::1]:80\"", &value), "");
	ck_assert_str_eq(addr_format(&value.addr, text), "[::1]:80");
	option_scene_close(&scene);
	ck_assert_str_eq(read_value(&scene, &ip, "\"10.1.2.3\"", &value), "");
	ck_assert_str_eq(addr_format_ip(&value.addr, text), "10.1.2.3");
	option_scene_close(&scene);
	ck_assert_str_eq(read_value(&scene, &cidr, "\"10.0.0.0/8\"", &value), "");
	ck_assert_uint_eq(value.cidr.prefix_len, 104);
	option_scene_close(&scene);
	check_bad(&ip, "\"localhost\"",
	          "expected an IP address such as \"127.0.0.1\" or \"::1\", found \"localhost\"");
	check_bad(&ip, "\"127.0.0.1:80\"",
	          "expected an IP address such as \"127.0.0.1\" or \"::1\", found "
	          "\"127.0.0.1:80\"");
	check_bad(&addr, "\"127.0.0.1\"",
	          "expected an address with a port such as \"127.0.0.1:80\" or \"[::1]:80\", "
	          "found \"127.0.0.1\"");
	check_bad(&addr, "80",
	          "expected an address with a port such as \"127.0.0.1:80\" or \"[::1]:80\", found "
	          "80");
	check_bad(&cidr, "\"10.0.0.1/8\"",
	          "expected \"10.0.0.0/8\" (no bits set after the prefix), found \"10.0.0.1/8\"");
	check_bad(&cidr, "\"10.0.0.0/33\"",
	          "expected an IP prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\", found "
	          "\"10.0.0.0/33\"");
	check_bad(&cidr, "[]",
	          "expected an IP prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\", found an "
	          "array");
}
END_TEST

/* They would match no connection, and a list that denies them would deny nobody. */
START_TEST(an_address_that_no_peer_has_is_no_prefix)
{
	static const char expected[] =
		"expected \"0.0.0.0/0\" for every IPv4 address or \"::/0\" for every IPv6 address "
		"(no connection has the address 0.0.0.0 or ::), found ";
	static const char *const bad[] = { "\"0.0.0.0\"", "\"::\"", "\"::ffff:0.0.0.0\"",
		                           "\"0::0\"" };
	static const char *const good[] = { "\"0.0.0.0/0\"", "\"::/0\"", "\"0.0.0.0/8\"",
		                            "\"::/128\"",    "\"::1\"",  "\"0.0.0.1\"" };
	spore_option row = row_of(SPORE_OPT_CIDR, 1, 0);
	struct option_scene scene;
	union value value;
	char text[256];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "%s%s", expected, bad[i]);
		check_bad(&row, bad[i], text);
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		ck_assert_str_eq(read_value(&scene, &row, good[i], &value), "");
		option_scene_close(&scene);
	}
}
END_TEST

START_TEST(port_ranges)
{
	spore_option row = row_of(SPORE_OPT_PORTS, 1, 0);
	static const char *const bad[] = { "\"\"",      "\",\"",       "\"1,\"",    "\"1-\"",
		                           "\"-1\"",    "\"0\"",       "\"0-5\"",   "\"5-4\"",
		                           "\"65536\"", "\"1-65536\"", "\"1 - 2\"", "\"1-2-3\"",
		                           "\"a\"",     "0",           "1.5",       "-5",
		                           "[1]",       "true" };
	struct option_scene scene;
	const spore_port_range *ranges;
	union value value;

	ck_assert_str_eq(read_value(&scene, &row, "\"20000-21000,80,1-65535\"", &value), "");
	ck_assert_uint_eq(value.list.count, 3);
	ck_assert_uint_eq(value.list.stride, sizeof *ranges);
	ranges = value.list.items;
	ck_assert(ranges[0].lo == 20000 && ranges[0].hi == 21000);
	ck_assert(ranges[1].lo == 80 && ranges[1].hi == 80);
	ck_assert(ranges[2].lo == 1 && ranges[2].hi == 65535);
	option_scene_close(&scene);
	ck_assert_str_eq(read_value(&scene, &row, "8080", &value), "");
	ranges = value.list.items;
	ck_assert(value.list.count == 1 && ranges[0].lo == 8080 && ranges[0].hi == 8080);
	option_scene_close(&scene);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(starts_with(read_value(&scene, &row, bad[i], &value),
		                          "expected ports from 1 to 65535, lowest first, such as "
		                          "\"20000-21000\" or "
		                          "\"8000,9000-9100\", found "),
		              "%s", bad[i]);
		option_scene_close(&scene);
	}
}
END_TEST

SUITE("value_address", addresses, an_address_that_no_peer_has_is_no_prefix, port_ranges)
