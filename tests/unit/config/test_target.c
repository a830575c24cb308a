/* What a client connects to. */
#include "config/target.h"

#include <string.h>

#include "suite.h"

static void check_target(const char *text, const char *host, unsigned port)
{
	struct target target;
	const char *why = "";

	ck_assert_msg(target_read(text, &target, &why), "%s: %s", text, why);
	ck_assert_msg(target.host_len == strlen(host) &&
	                      memcmp(target.host, host, target.host_len) == 0,
	              "%s: %.*s", text, (int)target.host_len, target.host);
	ck_assert_uint_eq(target.port, port);
}

static void check_refused(const char *text, const char *expected)
{
	struct target target;
	const char *why = NULL;

	ck_assert_msg(!target_read(text, &target, &why), "%s", text);
	ck_assert_str_eq(why, expected);
}

START_TEST(a_host_may_have_a_port)
{
	check_target("localhost", "localhost", 0);
	check_target("localhost:80", "localhost", 80);
	check_target("10.0.0.1:65535", "10.0.0.1", 65535);
}
END_TEST

START_TEST(an_ipv6_address_needs_brackets_before_a_port)
{
	struct target target;
	const char *why;

	check_target("[::1]:7835", "::1", 7835);
	check_target("[::1]", "::1", 0);
	check_target("::1", "::1", 0);
	check_target("::1:80", "::1:80", 0);
	ck_assert(target_read("::1:80", &target, &why) && target.is_bare_ipv6);
	ck_assert(target_read("[::1]:80", &target, &why) && !target.is_bare_ipv6);
}
END_TEST

static size_t shorter_len(const char *text)
{
	struct target target;
	const char *why;

	ck_assert(target_read(text, &target, &why));
	return target.shorter_len;
}

START_TEST(the_last_part_of_an_address_may_be_a_port)
{
	ck_assert_uint_eq(shorter_len("::1:7835"), strlen("::1"));
	ck_assert_uint_eq(shorter_len("2001:db8::1:80"), strlen("2001:db8::1"));
	ck_assert_uint_eq(shorter_len("1:2:3:4:5:6:7:8:80"), strlen("1:2:3:4:5:6:7:8"));
	ck_assert_uint_eq(shorter_len("::1"), 0);
	ck_assert_uint_eq(shorter_len("2001:db8::7835"), 0);
	ck_assert_uint_eq(shorter_len("2001:db8::1:beef"), 0);
	ck_assert_uint_eq(shorter_len("1:2:3:4:5:6:7:80"), 0);
	ck_assert_uint_eq(shorter_len("[::1:7835]"), 0);
	ck_assert_uint_eq(shorter_len("localhost:80"), 0);
}
END_TEST

START_TEST(a_url_is_not_a_target)
{
	static const char *const urls[] = { "http://localhost:3000",
		                            "https://tunnel.example.com/" };
	static const char *const paths[] = { "localhost/", "a b:80", "user@localhost:80" };

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
		check_refused(urls[i], "expected HOST or HOST:PORT without a scheme and a path");
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		check_refused(paths[i], "expected HOST or HOST:PORT");
	check_refused("one.example,other.example:80", "expected one HOST or HOST:PORT; several "
	                                              "servers are a list, such as [\"a\", \"b\"]");
}
END_TEST

START_TEST(a_host_and_a_port_must_be_complete)
{
	check_refused("", "expected a host");
	check_refused(":80", "expected a host");
	check_refused("[]:80", "expected an IPv6 address in brackets, as in [::1]:80");
	check_refused("[::1", "expected an IPv6 address in brackets, as in [::1]:80");
	check_refused("a:", "expected a port from 1 to 65535 after the host");
	check_refused("a:0", "expected a port from 1 to 65535 after the host");
	check_refused("a:65536", "expected a port from 1 to 65535 after the host");
	check_refused("a:0x50", "expected a port from 1 to 65535 after the host");
	check_refused("[::1]80", "expected a port from 1 to 65535 after the host");
}
END_TEST

START_TEST(a_unix_socket_has_a_path)
{
	ck_assert_str_eq(target_path("unix:/run/x"), "/run/x");
	ck_assert_str_eq(target_path("unix:"), "");
	ck_assert_ptr_null(target_path("unix"));
	ck_assert_ptr_null(target_path("unixes:80"));
}
END_TEST

SUITE("target", a_unix_socket_has_a_path, a_host_may_have_a_port,
      an_ipv6_address_needs_brackets_before_a_port, the_last_part_of_an_address_may_be_a_port,
      a_url_is_not_a_target, a_host_and_a_port_must_be_complete)
