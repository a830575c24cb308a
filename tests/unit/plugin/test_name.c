#include "plugin/name.h"

#include <string.h>

#include "suite.h"

START_TEST(good_names)
{
	static const char *const names[] = {
		"a", "hmac", "multi_secret", "x509", "while_", "a__1"
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		ck_assert_msg(name_is_good(names[i]), "%s", names[i]);
}
END_TEST

START_TEST(wrong_names)
{
	static const char *const names[] = { "",    "_a",  "1a",  "A",       "aB",       "a-b",
		                             "a:b", "a/b", "a b", "a\x1b[m", "\xc3\xa4", "a\n" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		ck_assert_msg(!name_is_good(names[i]), "%s", names[i]);
}
END_TEST

START_TEST(the_length_is_bounded)
{
	char name[65] = "";

	memset(name, 'n', 63);
	ck_assert(name_is_good(name));
	name[63] = 'n';
	ck_assert(!name_is_good(name));
}
END_TEST

SUITE("name", good_names, wrong_names, the_length_is_bounded)
