#include "wire/hostname.h"

#include <string.h>

#include "suite.h"

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void expect(const char *text, unsigned forms, const char *name)
{
	char out[HOSTNAME_SIZE];

	ck_assert_msg(hostname_read(text, forms, out), "%s", text);
	ck_assert_str_eq(out, name);
}

START_TEST(a_name_is_written_in_one_form)
{
	expect("App.Example.COM", HOSTNAME_EXACT, "app.example.com");
	expect("app.example.com.", HOSTNAME_EXACT, "app.example.com");
	expect("localhost", HOSTNAME_EXACT, "localhost");
	expect("xn--bcher-kva.example", HOSTNAME_EXACT, "xn--bcher-kva.example");
	expect("_a-1.b", HOSTNAME_EXACT, "_a-1.b");
	expect("*.Example.com", HOSTNAME_PATTERN, "*.example.com");
	expect("*", HOSTNAME_ALL, "*");
	expect(LABEL_63 "." LABEL_63 "." LABEL_63 "."
	                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
	       HOSTNAME_EXACT,
	       LABEL_63 "." LABEL_63 "." LABEL_63 "."
	                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}
END_TEST

START_TEST(other_texts_are_no_names)
{
	static const char *const others[] = { "",    ".",         "a..b", ".a",    "a b",
		                              "-a",  "a-",        "a..",  "*.a",   "*",
		                              "a.*", "b\xC3\xBC", "a:1",  "[::1]", LABEL_63 "a" };
	char out[HOSTNAME_SIZE], longest[300];

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		ck_assert_msg(!hostname_read(others[i], HOSTNAME_EXACT, out), "%s", others[i]);
	ck_assert(!hostname_read("*", HOSTNAME_PATTERN, out));
	ck_assert(!hostname_read("*.", HOSTNAME_PATTERN, out));
	ck_assert(!hostname_read("*.", HOSTNAME_PATTERN | HOSTNAME_ALL, out));
	ck_assert(!hostname_read("*.*.a", HOSTNAME_PATTERN, out));
	for (size_t i = 0; i < sizeof longest - 1; i++)
		longest[i] = i % 2 ? '.' : 'a';
	longest[255] = '\0';
	ck_assert(!hostname_read(longest, HOSTNAME_EXACT, out));
	longest[253] = '\0';
	ck_assert(hostname_read(longest, HOSTNAME_EXACT, out));
}
END_TEST

START_TEST(a_pattern_covers_what_ends_in_its_name)
{
	ck_assert(hostname_covers("a.b", "a.b"));
	ck_assert(!hostname_covers("a.b", "x.a.b"));
	ck_assert(hostname_covers("*.a.b", "x.a.b"));
	ck_assert(hostname_covers("*.a.b", "x.y.a.b"));
	ck_assert(hostname_covers("*.a.b", "*.a.b"));
	ck_assert(hostname_covers("*.a.b", "*.x.a.b"));
	ck_assert(!hostname_covers("*.a.b", "a.b"));
	ck_assert(!hostname_covers("*.a.b", "xa.b"));
	ck_assert(!hostname_covers("*.a.b", "*.b"));
	ck_assert(!hostname_covers("x.a.b", "*.a.b"));
	ck_assert(hostname_covers("*", "a"));
	ck_assert(hostname_covers("*", "*.a.b"));
}
END_TEST

START_TEST(the_parent_is_behind_the_first_dot)
{
	ck_assert_str_eq(hostname_parent("a.b.c"), "b.c");
	ck_assert_ptr_null(hostname_parent("c"));
}
END_TEST

SUITE("hostname", a_name_is_written_in_one_form, other_texts_are_no_names,
      a_pattern_covers_what_ends_in_its_name, the_parent_is_behind_the_first_dot)
