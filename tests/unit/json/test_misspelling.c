#include "json/misspelling.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

struct scene {
	char text[256]; /* the last mistake */
};

static void on_mistake(void *arg, size_t offset, const char *text)
{
	struct scene *scene = arg;

	(void)offset;
	snprintf(scene->text, sizeof scene->text, "%s", text);
}

/* Calls mend on the text; `mended` is what it becomes, NULL: mend finds nothing. */
static void check(bool (*mend)(struct mender *m, size_t at), const char *text, size_t at,
                  const char *mended, const char *mistake)
{
	struct scene scene = { "" };
	struct mended out;
	struct mender m = { &out, text, on_mistake, &scene };

	ck_assert(mended_copy(&out, text, strlen(text)));
	ck_assert_msg(mend(&m, at) == (mended != NULL), "%s", text);
	if (!mended)
		mended = text;
	ck_assert_msg(out.len == strlen(mended) && memcmp(out.text, mended, out.len) == 0, "%s: %s",
	              text, out.text);
	ck_assert_str_eq(scene.text, mistake);
	mended_free(&out);
}

START_TEST(a_comment_becomes_a_space)
{
	static const char mistake[] = "expected no comment (JSON has none), found one";

	check(mend_comment, "1 // x\n2", 2, "1  \n2", mistake);
	check(mend_comment, "1 # x", 2, "1  ", mistake);
	check(mend_comment, "1 /* x\n*/2", 2, "1  2", mistake);
	check(mend_comment, "/* open", 0, " ", mistake);
	check(mend_comment, "/ 1", 0, NULL, "");
	check(mend_comment, "/", 0, NULL, "");
}
END_TEST

START_TEST(a_byte_order_mark_is_removed_at_the_start)
{
	check(mend_byte_order_mark, "\xEF\xBB\xBF{}", 0, "{}",
	      "expected UTF-8 without a byte order mark, found one");
	check(mend_byte_order_mark, " \xEF\xBB\xBF{}", 1, NULL, "");
	check(mend_byte_order_mark, "\xEF\xBB", 0, NULL, "");
}
END_TEST

START_TEST(other_quotes_become_double_quotes)
{
	static const char typographic[] = "expected double quotes (\"), found typographic ones";
	static const char single[] = "expected double quotes (\"), found single ones";

	check(mend_quotes, "'a'", 0, "\"a\"", single);
	check(mend_quotes, "'it\\'s \"x\"'", 0, "\"it''s 'x'\"", single);
	check(mend_quotes, "\u201ca\u201d", 0, "\"a\"", typographic);
	check(mend_quotes, "\u2018a\u2019", 0, "\"a\"", typographic);
	check(mend_quotes, "'a\n'", 0, NULL, "");
	check(mend_quotes, "\"a\"", 0, NULL, "");
}
END_TEST

START_TEST(a_bare_word_becomes_null_and_is_not_shown)
{
	static const char bare[] = "expected a number, true, false, null or a string in double "
				   "quotes, found a bare word";

	check(mend_word, "abc, 1", 0, "null, 1", bare);
	check(mend_word, "not so }", 0, "null }", bare);
	check(mend_word, "abc \"text\"", 0, "null \"text\"", bare);
	check(mend_word, "yes]", 0, "null]", "expected true, found yes");
	check(mend_word, "False", 0, "null", "expected false, found False");
	check(mend_word, "0x1F", 0, "null", "expected a decimal number, found a hexadecimal one");
	check(mend_word, "007", 0, "null",
	      "expected a number without leading zeros, found one with them");
}
END_TEST

START_TEST(quotes_have_lengths)
{
	struct mended out;
	struct mender m = { &out, "", on_mistake, NULL };

	ck_assert(mended_copy(&out, "'\u2018\u201f\"\u2020", 11));
	ck_assert_uint_eq(mend_quote_length(&m, 0), 1);
	ck_assert_uint_eq(mend_quote_length(&m, 1), 3);
	ck_assert_uint_eq(mend_quote_length(&m, 4), 3);
	ck_assert_uint_eq(mend_quote_length(&m, 7), 0);
	ck_assert_uint_eq(mend_quote_length(&m, 8), 0);
	mended_free(&out);
}
END_TEST

SUITE("misspelling", a_comment_becomes_a_space, a_byte_order_mark_is_removed_at_the_start,
      other_quotes_become_double_quotes, a_bare_word_becomes_null_and_is_not_shown,
      quotes_have_lengths)
