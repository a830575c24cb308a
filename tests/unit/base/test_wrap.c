#include "base/wrap.h"

#include <string.h>

#include "suite.h"

static void check(const char *text, size_t column, size_t indent, const char *expected)
{
	char *printed = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&printed, &size);

	wrap_print(text, column, indent, out);
	fclose(out);
	ck_assert_str_eq(printed, expected);
	free(printed);
}

#define TEN "123456789 "

START_TEST(a_short_text_is_one_line)
{
	check("a b", 0, 0, "a b\n");
	check("", 0, 0, "\n");
	check("  a   b  ", 9, 0, "a b\n");
}
END_TEST

START_TEST(a_line_has_at_most_80_columns)
{
	check(TEN TEN TEN TEN TEN TEN TEN "1234567890", 0, 0,
	      TEN TEN TEN TEN TEN TEN TEN "1234567890\n");
	check(TEN TEN TEN TEN TEN TEN TEN "12345678901", 0, 0,
	      "123456789 123456789 123456789 123456789 123456789 123456789 "
	      "123456789\n12345678901\n");
}
END_TEST

START_TEST(columns_make_it_narrower)
{
	static const char *const ignored[] = { "39", "81", "0", "-5", "", "x" };

	setenv("COLUMNS", "40", 1);
	check(TEN TEN TEN TEN "x", 0, 2, TEN TEN TEN "123456789\n  x\n");
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
		setenv("COLUMNS", ignored[i], 1);
		check(TEN TEN TEN TEN "x", 0, 2, TEN TEN TEN TEN "x\n");
	}
}
END_TEST

START_TEST(further_lines_begin_behind_the_indent)
{
	check("123456789 123456789 x", 60, 4, "123456789 123456789\n    x\n");
	check("1234567890 1234567890 x", 60, 4, "1234567890\n    1234567890 x\n");
}
END_TEST

START_TEST(a_long_word_is_not_split)
{
	char word[101], expected[128];

	memset(word, 'w', 100);
	word[100] = '\0';
	snprintf(expected, sizeof expected, "%s\n", word);
	check(word, 0, 0, expected);
	check(word, 2, 2, expected);
	snprintf(expected, sizeof expected, "a\n  %s\n", word);
	char text[128];
	snprintf(text, sizeof text, "a %s", word);
	check(text, 2, 2, expected);
}
END_TEST

START_TEST(brackets_hold_words_together)
{
	check("a [env: SPORE_SECRET, BORE_SECRET] b", 50, 0,
	      "a\n[env: SPORE_SECRET, BORE_SECRET] b\n");
	check("a [open b", 75, 0, "a\n[open b\n");
}
END_TEST

SUITE("wrap", a_short_text_is_one_line, a_line_has_at_most_80_columns, columns_make_it_narrower,
      further_lines_begin_behind_the_indent, a_long_word_is_not_split, brackets_hold_words_together)
