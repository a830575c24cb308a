#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "suite.h"

START_TEST(sets_and_prefixes)
{
	struct err err;

	err_set(&err, "cannot open %s", "x");
	ck_assert_str_eq(err.text, "cannot open x");
	err_prefix(&err, "plugin %d", 7);
	ck_assert_str_eq(err.text, "plugin 7: cannot open x");
	err_set(&err, "again");
	ck_assert_str_eq(err.text, "again");
}
END_TEST

START_TEST(an_empty_text_can_be_prefixed)
{
	struct err err = { "" };

	err_prefix(&err, "a");
	ck_assert_str_eq(err.text, "a: ");
}
END_TEST

START_TEST(the_text_may_be_its_own_argument)
{
	struct err err;

	err_set(&err, "inner");
	err_prefix(&err, "%s", "outer");
	err_prefix(&err, "%s", "most outer");
	ck_assert_str_eq(err.text, "most outer: outer: inner");
}
END_TEST

/* For every length of text and prefix, the text stays terminated and no byte after it changes. */
START_TEST(too_long_is_cut)
{
	enum { SIZE = sizeof(struct err) };
	char longest[SIZE + 100];

	memset(longest, 'p', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	for (int n = SIZE - 8; n < SIZE + 90; n++) {
		struct err err;

		err_set(&err, "%.*s", n, longest);
		ck_assert_uint_lt(strlen(err.text), SIZE);
		err_set(&err, "old");
		err_prefix(&err, "%.*s", n, longest);
		ck_assert_uint_lt(strlen(err.text), SIZE);
		ck_assert_int_eq(err.text[0], 'p');
		err_set(&err, "%.*s", n, longest);
		err_prefix(&err, "new");
		ck_assert_uint_lt(strlen(err.text), SIZE);
		ck_assert_int_eq(strncmp(err.text, "new: ppp", 8), 0);
	}
}
END_TEST

START_TEST(a_refused_call_is_named)
{
	struct err err;

	err_set_call(&err, "pipe2", EMFILE);
	ck_assert_str_eq(err.text, "pipe2: Too many open files");
	err_set_call(&err, "pipe2", ENOSYS);
	ck_assert_str_eq(err.text, "pipe2: Function not implemented (does a sandbox refuse this "
	                           "system call?)");
}
END_TEST

SUITE("err", sets_and_prefixes, an_empty_text_can_be_prefixed, the_text_may_be_its_own_argument,
      too_long_is_cut, a_refused_call_is_named)
