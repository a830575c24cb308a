#include "secret/flaws.h"

#include <string.h>

#include "suite.h"

START_TEST(white_space_alone_is_no_secret)
{
	static const struct {
		const char *text;
		bool is_white;
	} rows[] = { { "", true },     { " \t\r\n", true }, { "\xEF\xBB\xBF\n", true },
		     { " x ", false }, { "\v", false },     { "\xEF\xBB\xBFx", false } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_int_eq(flaws_is_all_white(rows[i].text, strlen(rows[i].text)),
		                 rows[i].is_white);
}
END_TEST

static void lists(const char *text, size_t len, const char *expected)
{
	char found[192];

	flaws_list(text, len, found, sizeof found);
	ck_assert_str_eq(found, expected);
}

START_TEST(what_is_there_by_mistake)
{
	lists("secret", 6, "");
	lists("s e c", 5, "");
	lists("\xEF\xBB\xBFx", 4, "a byte order mark at its start");
	lists(" x\t", 3, "white space at its start, white space at its end");
	lists("x\n", 2, "a newline at its end");
	lists("ab\1cd", 5, "control bytes");
	lists("a\x7F"
	      "b",
	      3, "control bytes");
	lists("\xFF\xFEx\0", 4, "UTF-16, control bytes");
}
END_TEST

SUITE("flaws", white_space_alone_is_no_secret, what_is_there_by_mistake)
