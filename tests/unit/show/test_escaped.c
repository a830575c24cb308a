#include "show/escaped.h"

#include <stdlib.h>

#include "suite.h"

START_TEST(a_text_of_lines)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	escaped_print("a\n\x1b b\xc3\xa9\xff\n", out);
	fclose(out);
	ck_assert_str_eq(text, "a\n\\x1b b\xc3\xa9\\xff\n");
	free(text);
}
END_TEST

SUITE("escaped", a_text_of_lines)
