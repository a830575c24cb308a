#include "base/columns.h"

#include <string.h>

#include "suite.h"

static char printed[1024];

static const char *print(struct columns *columns, unsigned indent)
{
	FILE *out = fmemopen(printed, sizeof printed, "w");

	ck_assert(columns_print(columns, indent, out));
	fclose(out);
	columns_fini(columns);
	return printed;
}

START_TEST(columns_are_as_wide_as_their_widest_cell)
{
	struct columns columns = { .n = 3 };

	columns_add(&columns, (const char *[]){ "NAME", "N", "WHAT" });
	columns_add(&columns, (const char *[]){ "a", "1", "short" });
	columns_add(&columns, (const char *[]){ "much longer", "100", "x" });
	ck_assert_str_eq(print(&columns, 0), "NAME         N    WHAT\n"
	                                     "a            1    short\n"
	                                     "much longer  100  x\n");
}
END_TEST

START_TEST(no_line_ends_in_spaces)
{
	struct columns columns = { .n = 3 };

	columns_add(&columns, (const char *[]){ "a", NULL, "" });
	columns_add(&columns, (const char *[]){ "", "b", NULL });
	columns_add(&columns, (const char *[]){ "", "", "c" });
	columns_add(&columns, (const char *[]){ NULL, NULL, NULL });
	ck_assert_str_eq(print(&columns, 2), "  a\n     b\n        c\n\n");
}
END_TEST

START_TEST(an_empty_column_takes_no_room)
{
	struct columns columns = { .n = 3 };

	columns_add(&columns, (const char *[]){ "a", "", "b" });
	columns_add(&columns, (const char *[]){ "aa", NULL, "bb" });
	ck_assert_str_eq(print(&columns, 0), "a   b\naa  bb\n");
}
END_TEST

START_TEST(nothing_is_printed_of_nothing)
{
	struct columns columns = { .n = 3 };

	ck_assert_str_eq(print(&columns, 4), "");
}
END_TEST

/* A plugin's text must neither control the terminal nor break the line. */
START_TEST(cells_are_made_safe)
{
	struct columns columns = { .n = 2 };

	columns_add(&columns, (const char *[]){ "\x1b[2J\n", "\"a\\b\" \x7f\xc3\xa9" });
	columns_add(&columns, (const char *[]){ "x", "y" });
	ck_assert_str_eq(print(&columns, 0), "\\x1b[2J\\x0a  \"a\\b\" \\x7f\xc3\xa9\n"
	                                     "x            y\n");
}
END_TEST

START_TEST(a_character_counts_as_one_place)
{
	struct columns columns = { .n = 2 };

	columns_add(&columns, (const char *[]){ "J\xc3\xbcrgen", "1" });
	columns_add(&columns, (const char *[]){ "\xd0\xba\xd0\xbb\xd1\x8e", "2" });
	columns_add(&columns, (const char *[]){ "\xff\xc2\x9b", "3" });
	ck_assert_str_eq(print(&columns, 0), "J\xc3\xbcrgen        1\n"
	                                     "\xd0\xba\xd0\xbb\xd1\x8e           2\n"
	                                     "\\xff\\xc2\\x9b  3\n");
}
END_TEST

SUITE("columns", columns_are_as_wide_as_their_widest_cell, no_line_ends_in_spaces,
      an_empty_column_takes_no_room, nothing_is_printed_of_nothing, cells_are_made_safe,
      a_character_counts_as_one_place)
