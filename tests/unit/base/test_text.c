#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

START_TEST(to_uint_takes_digits_up_to_the_most)
{
	static const struct {
		const char *text;
		uint64_t max, value;
	} good[] = {
		{ "0", 0, 0 },
		{ "7", 7, 7 },
		{ "007", 7, 7 },
		{ "65535", 65535, 65535 },
		{ "10", 10, 10 },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX },
		{ "18446744073709551614", UINT64_MAX - 1, UINT64_MAX - 1 },
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		uint64_t value = 99;

		ck_assert_msg(text_to_uint(good[i].text, strlen(good[i].text), good[i].max, &value),
		              "%s", good[i].text);
		ck_assert_uint_eq(value, good[i].value);
	}
}
END_TEST

START_TEST(to_uint_refuses_all_else)
{
	static const struct {
		const char *text;
		uint64_t max;
	} bad[] = {
		{ "", 9 },
		{ "8", 7 },
		{ "10", 9 },
		{ "1", 0 },
		{ "65536", 65535 },
		{ "-1", 9 },
		{ "+1", 9 },
		{ " 1", 9 },
		{ "1 ", 9 },
		{ "1a", 99 },
		{ "0x1", 99 },
		{ "1.0", 99 },
		{ "/", 9 },
		{ ":", 9 },
		{ "18446744073709551616", UINT64_MAX },
		{ "99999999999999999999", UINT64_MAX },
		{ "184467440737095516150", UINT64_MAX },
		{ "18446744073709551615", UINT64_MAX - 1 },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t value;

		ck_assert_msg(!text_to_uint(bad[i].text, strlen(bad[i].text), bad[i].max, &value),
		              "%s", bad[i].text);
	}
}
END_TEST

START_TEST(to_uint_agrees_with_printf_for_every_small_bound)
{
	for (uint64_t max = 0; max < 40; max++) {
		for (uint64_t n = 0; n < 60; n++) {
			char text[24];
			uint64_t value = 0;
			bool fits = text_to_uint(
				text, (size_t)sprintf(text, "%lu", (unsigned long)n), max, &value);

			ck_assert(fits == (n <= max));
			ck_assert(!fits || value == n);
		}
	}
}
END_TEST

START_TEST(distance_counts_edits)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} cases[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "abc", "abc", 0 },
		{ "abc", "abd", 1 },
		{ "abc", "ab", 1 },
		{ "ab", "ba", 1 },
		{ "prot", "port", 1 },
		{ "kitten", "sitting", 3 },
		{ "ca", "abc", 3 },
		{ "abcdef", "fedcba", 5 },
		{ "control_port", "contrl_prot", 2 },
		{ "a", "bcd", 3 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_msg(text_distance(cases[i].a, cases[i].b) == cases[i].distance,
		              "%s %s: %u", cases[i].a, cases[i].b,
		              text_distance(cases[i].a, cases[i].b));
		ck_assert_uint_eq(text_distance(cases[i].b, cases[i].a), cases[i].distance);
	}
}
END_TEST

START_TEST(distance_looks_at_64_bytes)
{
	char a[200], b[200];

	memset(a, 'a', sizeof a);
	memset(b, 'b', sizeof b);
	a[199] = b[199] = '\0';
	ck_assert_uint_eq(text_distance(a, b), 64);
	ck_assert_uint_eq(text_distance(a, ""), 64);
	memset(b, 'a', 64);
	ck_assert_uint_eq(text_distance(a, b), 0);
}
END_TEST

START_TEST(escape_leaves_only_printable_ascii)
{
	char out[1100], bytes[256];
	size_t n;

	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	n = text_escape(bytes, sizeof bytes, out, sizeof out);
	ck_assert_uint_eq(n, strlen(out));
	for (size_t i = 0; i < n; i++)
		ck_assert(out[i] >= 0x20 && out[i] < 0x7F && out[i] != '"');
	ck_assert_uint_eq(n, 93 + (256 - 93) * 4);
	text_escape("a\"b\\c\n\x1b[0m\xff", 11, out, sizeof out);
	ck_assert_str_eq(out, "a\\x22b\\x5cc\\x0a\\x1b[0m\\xff");
}
END_TEST

START_TEST(escape_is_cut_between_characters)
{
	for (size_t size = 1; size < 12; size++) {
		char out[13];
		size_t n;

		memset(out, '#', sizeof out);
		n = text_escape("\n\n\n", 3, out, size);
		ck_assert_uint_eq(n, (size - 1) / 4 * 4);
		ck_assert_uint_eq(strlen(out), n);
		ck_assert_int_eq(out[size], '#');
	}
	ck_assert_uint_eq(text_escape("x", 1, NULL, 0), 0);
}
END_TEST

static const char *json_of(const char *text, size_t len)
{
	static char all[256];
	size_t at = 0, n, out_len;

	for (size_t i = 0; i < len; i += n) {
		n = text_json(text + i, len - i, all + at, &out_len);
		at += out_len;
	}
	all[at] = '\0';
	return all;
}

START_TEST(json_has_characters_not_bytes)
{
	ck_assert_str_eq(json_of("a \"b\\c\"~", 8), "a \\\"b\\\\c\\\"~");
	ck_assert_str_eq(json_of("\0\x1f\x7f", 3), "\\u0000\\u001f\\u007f");
	ck_assert_str_eq(json_of("f\u00fcnf \u4e94", 9), "f\\u00fcnf \\u4e94");
	ck_assert_str_eq(json_of("\U0001f344\U0010ffff", 8), "\\ud83c\\udf44\\udbff\\udfff");
	/* Not UTF-8: an overlong form, a surrogate, a cut sequence. */
	ck_assert_str_eq(json_of("\xc0\x80", 2), "\\u00c0\\u0080");
	ck_assert_str_eq(json_of("\xed\xa0\x80", 3), "\\u00ed\\u00a0\\u0080");
	ck_assert_str_eq(json_of("\xf0\x9f\x8d", 3), "\\u00f0\\u009f\\u008d");
}
END_TEST

START_TEST(names_are_suggested)
{
	static const char *const names[] = { "control_port", "min_port", "max_port", "to",
		                             "workers" };

	ck_assert_str_eq(text_suggest("contrl_port", names, 5), "control_port");
	ck_assert_str_eq(text_suggest("controlport", names, 5), "control_port");
	ck_assert_str_eq(text_suggest("control-prot", names, 5), "control_port");
	ck_assert_str_eq(text_suggest("mni_port", names, 5), "min_port");
	ck_assert_str_eq(text_suggest("mix_port", names, 5), "min_port");
	ck_assert_str_eq(text_suggest("worker", names, 5), "workers");
	ck_assert_str_eq(text_suggest("too", names, 5), "to");
	ck_assert_ptr_null(text_suggest("completely", names, 5));
	ck_assert_ptr_null(text_suggest("workers", names, 0));
}
END_TEST

START_TEST(nothing_in_common_is_no_suggestion)
{
	static const char *const names[] = { "to" }, *const other[] = { "hmac" },
				 *const secret[] = { "secret" };

	ck_assert_ptr_null(text_suggest("v", names, 1));
	ck_assert_ptr_null(text_suggest("xy", names, 1));
	ck_assert_ptr_null(text_suggest("", names, 1));
	ck_assert_ptr_null(text_suggest("magic", other, 1));
	ck_assert_ptr_null(text_suggest("server", secret, 1));
}
END_TEST

START_TEST(visible_text_keeps_its_characters)
{
	char out[64];

	ck_assert_uint_eq(text_visible("\xc3\xa9 \"\xc3\x1b\xc2\x80", 8, out, sizeof out), 20);
	ck_assert_str_eq(out, "\xc3\xa9 \"\\xc3\\x1b\\xc2\\x80");
	ck_assert_uint_eq(text_visible("ab\xc3\xa9", 4, out, 4), 2);
	ck_assert_str_eq(out, "ab");
	ck_assert_uint_eq(text_visible("ab\n", 3, out, 6), 2);
	ck_assert_uint_eq(text_visible("ab", 2, out, 0), 0);
}
END_TEST

START_TEST(printable_text_keeps_its_quotes)
{
	char out[64];

	ck_assert_uint_eq(text_printable("a \"b\" \\ \n\x1b\xff", 11, out, sizeof out), 20);
	ck_assert_str_eq(out, "a \"b\" \\ \\x0a\\x1b\\xff");
	ck_assert_uint_eq(text_printable("ab\n", 3, out, 6), 2);
	ck_assert_str_eq(out, "ab");
}
END_TEST

SUITE("text", printable_text_keeps_its_quotes, to_uint_takes_digits_up_to_the_most,
      to_uint_refuses_all_else, to_uint_agrees_with_printf_for_every_small_bound,
      distance_counts_edits, distance_looks_at_64_bytes, escape_leaves_only_printable_ascii,
      escape_is_cut_between_characters, json_has_characters_not_bytes, names_are_suggested,
      nothing_in_common_is_no_suggestion, visible_text_keeps_its_characters)
