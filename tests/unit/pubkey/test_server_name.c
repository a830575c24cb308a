#include "server_name.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static const char *form_of(const char *text)
{
	static struct server_name name;

	return server_name_init(&name, text) ? name.text : "(none)";
}

START_TEST(one_form_of_each)
{
	ck_assert_str_eq(form_of("Tunnel.Example.COM."), "tunnel.example.com");
	ck_assert_str_eq(form_of("localhost"), "localhost");
	ck_assert_str_eq(form_of("127.0.0.1"), "127.0.0.1");
	ck_assert_str_eq(form_of("2001:DB8:0:0::1"), "2001:db8::1");
	ck_assert_str_eq(form_of("fe80::1%eth0"), "fe80::1%eth0");
}
END_TEST

START_TEST(what_is_no_name)
{
	static const char *const wrong[] = { "",
		                             "a b",
		                             "host:7835",
		                             "[::1]",
		                             "tcp://a",
		                             "user@a",
		                             ("b\xC3\xBC"
		                              "cher"),
		                             "a\n" };
	char longest[SERVER_NAME_MAX + 2];

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_str_eq(form_of(wrong[i]), "(none)");
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	ck_assert_str_eq(form_of(longest), "(none)");
	longest[SERVER_NAME_MAX] = '\0';
	ck_assert_str_eq(form_of(longest), longest);
}
END_TEST

/* printf %s localhost | sha256sum */
START_TEST(the_hash)
{
	static const uint8_t expected[] = { 0x49, 0x96, 0x0d, 0xe5, 0x88, 0x0e, 0x8c, 0x68 };
	struct server_name name;

	ck_assert(server_name_init(&name, "LOCALHOST"));
	ck_assert_mem_eq(name.hash, expected, sizeof expected);
}
END_TEST

SUITE("server_name", one_form_of_each, what_is_no_name, the_hash)
