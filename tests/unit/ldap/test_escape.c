#include "escape.h"

#include "suite.h"

static char out[ESCAPE_FILTER_SIZE];

static void expect_dn(const char *name, const char *dn)
{
	ck_assert(escape_dn("uid=%n,dc=x", name, out));
	ck_assert_str_eq(out, dn);
}

START_TEST(names_in_a_dn)
{
	expect_dn("alice", "uid=alice,dc=x");
	expect_dn("a,b+c;d<e>f=g", "uid=a\\,b\\+c\\;d\\<e\\>f\\=g,dc=x");
	expect_dn("\"\\", "uid=\\\"\\\\,dc=x");
	expect_dn("#a#", "uid=\\#a#,dc=x");
	expect_dn(" a b ", "uid=\\ a b\\ ,dc=x");
	expect_dn(" ", "uid=\\ ,dc=x");
	expect_dn("a\nb\x7F", "uid=a\\0Ab\\7F,dc=x");
	expect_dn("*(%n)", "uid=*(%n),dc=x");
	expect_dn("\xF0\x9F\x98\x80", "uid=\xF0\x9F\x98\x80,dc=x");
}
END_TEST

static void expect_filter(const char *pattern, const char *name, const char *filter)
{
	ck_assert(escape_filter(pattern, name, "cn=a*,dc=x", out));
	ck_assert_str_eq(out, filter);
}

START_TEST(names_in_a_filter)
{
	expect_filter("(uid=%n)", "alice", "(uid=alice)");
	expect_filter("(uid=%n)", "*)(uid=\\*", "(uid=\\2A\\29\\28uid=\\5C\\2A)");
	expect_filter("(|(uid=%n)(mail=%n))", "a", "(|(uid=a)(mail=a))");
	expect_filter("(&(member=%d)(a=100%%))", "a", "(&(member=cn=a\\2A,dc=x)(a=100%))");
	expect_filter("(uid=%n)", "%n%d", "(uid=%n%d)");
	expect_filter("(uid=%n)", "\xC3\xA9", "(uid=\xC3\xA9)");
}
END_TEST

START_TEST(patterns)
{
	char *longest = malloc(ESCAPE_PATTERN_MAX + 2);

	ck_assert_ptr_null(escape_check("(uid=%n)%%", "n"));
	ck_assert_ptr_null(escape_check("%n%d%%", "nd"));
	ck_assert_str_eq(escape_check("%d", "n"), "expected only n or % after a %");
	ck_assert_str_eq(escape_check("%s", "nd"), "expected only n, d or % after a %");
	ck_assert_ptr_nonnull(escape_check("100%", "n"));
	memset(longest, 'x', ESCAPE_PATTERN_MAX + 1);
	longest[ESCAPE_PATTERN_MAX + 1] = '\0';
	ck_assert_str_eq(escape_check(longest, "n"), "expected at most 1024 bytes");
	longest[ESCAPE_PATTERN_MAX] = '\0';
	ck_assert_ptr_null(escape_check(longest, "n"));
	free(longest);
}
END_TEST

START_TEST(what_is_too_long)
{
	char name[300], pattern[ESCAPE_PATTERN_MAX + 1] = "";

	memset(name, ',', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	ck_assert(escape_dn("%n", name, out));
	ck_assert_uint_eq(strlen(out), 2 * (sizeof name - 1));
	for (int i = 0; i < 8; i++)
		strcat(pattern, "%n");
	ck_assert(!escape_dn(pattern, name, out));
	memset(name, '*', sizeof name - 1);
	for (int i = 0; i < 12; i++)
		strcat(pattern, "%n");
	ck_assert(!escape_filter(pattern, name, NULL, out));
	ck_assert_uint_lt(strlen(out), ESCAPE_FILTER_SIZE);
}
END_TEST

SUITE("escape", names_in_a_dn, names_in_a_filter, patterns, what_is_too_long)
