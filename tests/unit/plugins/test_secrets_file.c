#include "../../plugins/auth_multi_secret/secrets_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "suite.h"

/* All that is in the text, as "LINE NAME=SECRET;" and "LINE:COLUMN;". The text ends where memory
 * does, so that a look behind it is found. */
static const char *read_all(const char *text, size_t len)
{
	static char out[1024];
	char *exact = malloc(len + (len == 0));
	struct secrets_reader reader;
	struct secrets_line line;
	enum secrets_step step;
	size_t n = 0;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, text, len);
	reader = secrets_read(exact, len);
	out[0] = '\0';
	while ((step = secrets_next(&reader, &line)) != SECRETS_END) {
		if (step == SECRETS_LINE)
			n += (size_t)snprintf(out + n, sizeof out - n, "%u %.*s=%.*s;", line.line,
			                      (int)line.name.len, line.name.ptr,
			                      (int)line.secret.len, line.secret.ptr);
		else
			n += (size_t)snprintf(out + n, sizeof out - n, "%u:%u;", line.line,
			                      line.column);
		ck_assert_uint_lt(n, sizeof out);
	}
	ck_assert_int_eq(secrets_next(&reader, &line), SECRETS_END);
	free(exact);
	return out;
}

static void check(const char *text, const char *expected)
{
	ck_assert_str_eq(read_all(text, strlen(text)), expected);
}

START_TEST(names_and_secrets)
{
	check("alice:one", "1 alice=one;");
	check("alice:one\nbob:two\n", "1 alice=one;2 bob=two;");
	check("alice:one\r\nbob:two\r\n", "1 alice=one;2 bob=two;");
	check("alice:one\r", "1 alice=one\r;"); /* a CR alone ends no line */
	check("alice:one\r\r\n", "1 alice=one\r;");
}
END_TEST

START_TEST(a_secret_is_all_behind_the_first_colon)
{
	check("a:b:c::\n", "1 a=b:c::;");
	check("a: b # c \n", "1 a= b # c ;");
	check(" a :b", "1  a =b;"); /* whether that is a name, others say */
}
END_TEST

START_TEST(nothing_and_comments_are_left_out)
{
	check("", "");
	check("\n\r\n \t\n\r", "");
	check("# a:b\n  #c:d\n\ne:f\n#", "4 e=f;");
}
END_TEST

START_TEST(mistakes_have_their_place)
{
	check("alice\n", "1:6;");
	check("#\n:secret\n", "2:1;");
	check("alice:", "1:7;");
	check("alice:\r\n", "1:7;");
	check(":", "1:1;");
	ck_assert_str_eq(read_all("a:b\0c\n\0\nd:e", 11), "1:4;2:1;3 d=e;");
}
END_TEST

START_TEST(what_stands_behind_a_mistake_is_read)
{
	check("x\na:b\ny\nc:d", "1:2;2 a=b;3:2;4 c=d;");
}
END_TEST

START_TEST(a_byte_order_mark_is_skipped_and_utf16_known)
{
	check("\xEF\xBB\xBF"
	      "a:b\r\n",
	      "1 a=b;");
	check("\xEF\xBB\xBF# none\n", "");
	ck_assert(secrets_are_utf16("\xFF\xFE"
	                            "a\0",
	                            4));
	ck_assert(secrets_are_utf16("\xFE\xFF\0a", 4));
	ck_assert(secrets_are_utf16("a\0:\0", 4));
	ck_assert(secrets_are_utf16("\0a\0:", 4));
	ck_assert(!secrets_are_utf16("a:b", 3));
	ck_assert(!secrets_are_utf16("\0\0", 2));
	ck_assert(!secrets_are_utf16("a", 1));
}
END_TEST

START_TEST(a_flaw_of_a_secret_is_named)
{
	static const char *const flaws[][2] = {
		{ "a:b c", NULL },
		{ "a: b", "blanks at its start" },
		{ "a:b\t", "blanks at its end" },
		{ "a:b\x01"
		  "c",
		  "control bytes" },
		{ "a:b\tc", "control bytes" },
	};

	for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
		struct secrets_reader reader = secrets_read(flaws[i][0], strlen(flaws[i][0]));
		struct secrets_line line;

		ck_assert_int_eq(secrets_next(&reader, &line), SECRETS_LINE);
		if (flaws[i][1])
			ck_assert_str_eq(line.flaw, flaws[i][1]);
		else
			ck_assert_ptr_null(line.flaw);
	}
	check("a: \t", "1:5;");
}
END_TEST

SUITE("secrets_file", a_byte_order_mark_is_skipped_and_utf16_known, a_flaw_of_a_secret_is_named,
      names_and_secrets, a_secret_is_all_behind_the_first_colon, nothing_and_comments_are_left_out,
      mistakes_have_their_place, what_stands_behind_a_mistake_is_read)
