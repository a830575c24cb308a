#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

static long first_bad(const char *text, size_t len)
{
	size_t bad;

	return utf8_is_valid(text, len, &bad) ? -1 : (long)bad;
}

/* Compares with a textbook encoder. */
START_TEST(utf8_takes_every_code_point_but_nul_and_surrogates)
{
	for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x900 || (c > 0xD700 && c < 0xE100) ? 1 : 61) {
		char text[4];
		size_t n = 0;

		if (c < 0x80)
			text[n++] = (char)c;
		else if (c < 0x800)
			text[n++] = (char)(0xC0 | c >> 6);
		else if (c < 0x10000)
			text[n++] = (char)(0xE0 | c >> 12);
		else
			text[n++] = (char)(0xF0 | c >> 18);
		if (c >= 0x10000)
			text[n++] = (char)(0x80 | (c >> 12 & 0x3F));
		if (c >= 0x800)
			text[n++] = (char)(0x80 | (c >> 6 & 0x3F));
		if (c >= 0x80)
			text[n++] = (char)(0x80 | (c & 0x3F));
		ck_assert_int_eq(first_bad(text, n),
		                 c == 0 || (c >= 0xD800 && c <= 0xDFFF) ? 0 : -1);
		if (n > 1)
			ck_assert_int_eq(first_bad(text, n - 1), 0);
	}
}
END_TEST

START_TEST(utf8_refuses_what_is_no_character)
{
	static const char *const bad[] = { "\x80",
		                           "\xbf",
		                           "\xc0\x80",
		                           "\xc1\xbf",
		                           "\xc3",
		                           "\xc3(",
		                           "\xe0\x80\x80",
		                           "\xe0\x9f\xbf",
		                           "\xe2\x82",
		                           "\xe2\x28\xa1",
		                           "\xed\xa0\x80",
		                           "\xf0\x80\x80\x80",
		                           "\xf0\x8f\xbf\xbf",
		                           "\xf4\x90\x80\x80",
		                           "\xf5\x80\x80\x80",
		                           "\xf0\x9f\x98",
		                           "\xf0\x9f\x98(",
		                           "\xfe",
		                           "\xff" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[16];

		ck_assert_int_eq(first_bad(bad[i], strlen(bad[i])), 0);
		snprintf(text, sizeof text, "a\xc3\xa9%s", bad[i]);
		ck_assert_int_eq(first_bad(text, strlen(text)), 3);
	}
	ck_assert_int_eq(first_bad("ab\0c", 4), 2);
	ck_assert_int_eq(first_bad("", 0), -1);
}
END_TEST

START_TEST(what_a_terminal_may_have_is_visible)
{
	static const char *const yes[] = {
		"a", " ", "~", "\xc3\xa9", "\xe2\x98\x83", "\xf0\x9f\x98\x80", "\xc2\xa0"
	};
	static const char *const no[] = { "\x1b[", "\n",   "\x7f",         "\xc2\x9b",
		                          "\xff",  "\xc3", "\xef\xbb\xbf", "" };

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		ck_assert_msg(utf8_is_visible(yes[i], strlen(yes[i])), "%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		ck_assert_msg(!utf8_is_visible(no[i], strlen(no[i]) + !*no[i]), "%zu", i);
}
END_TEST

START_TEST(what_deceives_is_not_clear)
{
	static const char *const yes[] = { "a", "\xc3\xa9", "\xe2\x98\x83", "\xf0\x9f\x98\x80",
		                           "\xe2\x80\x90" };
	static const char *const no[] = { "\n",           "\xd8\x9c",     "\xe2\x80\x8b",
		                          "\xe2\x80\xa8", "\xe2\x80\xae", "\xe2\x81\xa6",
		                          "\xef\xbb\xbf", "\xef\xbf\xba" };

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		ck_assert_msg(utf8_is_clear(yes[i], strlen(yes[i])), "%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		ck_assert_msg(!utf8_is_clear(no[i], strlen(no[i])), "%zu", i);
}
END_TEST

START_TEST(a_sequence_ends_within_the_text)
{
	ck_assert_uint_eq(utf8_sequence("ab", 2), 1);
	ck_assert_uint_eq(utf8_sequence("\xc3\xa9x", 3), 2);
	ck_assert_uint_eq(utf8_sequence("\xc3\xa9x", 1), 0);
	ck_assert_uint_eq(utf8_sequence("\xf0\x9f\x98\x80", 4), 4);
	ck_assert_uint_eq(utf8_sequence("\xf0\x9f\x98\x80", 3), 0);
	ck_assert_uint_eq(utf8_sequence("", 1), 0);
}
END_TEST

START_TEST(marks_and_utf16)
{
	ck_assert_uint_eq(utf8_mark("\xEF\xBB\xBFx", 4), 3);
	ck_assert_uint_eq(utf8_mark("\xEF\xBB\xBF", 2), 0);
	ck_assert_uint_eq(utf8_mark("abc", 3), 0);
	ck_assert(utf8_is_utf16("\xFF\xFE", 2) && utf8_is_utf16("\xFE\xFF", 2));
	ck_assert(utf8_is_utf16("{\0", 2) && utf8_is_utf16("\0{", 2));
	ck_assert(!utf8_is_utf16("{}", 2) && !utf8_is_utf16("\0\0", 2) &&
	          !utf8_is_utf16("\xFF", 1));
}
END_TEST

SUITE("utf8", marks_and_utf16, utf8_takes_every_code_point_but_nul_and_surrogates,
      utf8_refuses_what_is_no_character, what_a_terminal_may_have_is_visible,
      what_deceives_is_not_clear, a_sequence_ends_within_the_text)
