#include "reload/reload_words.h"

#include <string.h>

#include "suite.h"

START_TEST(a_copy_outlives_what_it_was_made_from)
{
	char flag[] = "--secret", value[] = "hunter2";
	char *argv[] = { flag, value };
	struct reload_words words;

	ck_assert(reload_words_init(&words, 2, argv));
	memset(value, 0, sizeof value);
	ck_assert_int_eq(words.n, 2);
	ck_assert_str_eq(words.items[0], "--secret");
	ck_assert_str_eq(words.items[1], "hunter2");
	ck_assert_ptr_null(words.items[2]);
	reload_words_fini(&words);
	ck_assert_int_eq(words.n, 0);
	ck_assert_ptr_null(words.items);
}
END_TEST

START_TEST(a_copy_may_be_copied)
{
	char word[] = "--check";
	char *argv[] = { word };
	struct reload_words words, copy;

	ck_assert(reload_words_init(&words, 1, argv));
	ck_assert(reload_words_init(&copy, words.n, words.items));
	reload_words_fini(&words);
	ck_assert_str_eq(copy.items[0], "--check");
	reload_words_fini(&copy);
}
END_TEST

START_TEST(an_empty_command_line)
{
	struct reload_words words;

	ck_assert(reload_words_init(&words, 0, NULL));
	ck_assert_int_eq(words.n, 0);
	ck_assert_ptr_null(words.items[0]);
	reload_words_fini(&words);
	reload_words_fini(&words);
	ck_assert_ptr_null(words.items);
}
END_TEST

SUITE("reload_words", a_copy_outlives_what_it_was_made_from, a_copy_may_be_copied,
      an_empty_command_line)
