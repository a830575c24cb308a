#include "password_answer.h"

#include <string.h>

#include "suite.h"

static void expect_round_trip(spore_str name, spore_str password)
{
	char text[SPORE_AUTH_ANSWER_MAX];
	size_t len = password_answer_write(name, password, text);
	struct password_answer answer;

	ck_assert_uint_gt(len, 0);
	ck_assert(password_answer_parse((spore_str){ text, len }, &answer));
	ck_assert_uint_eq(strlen(answer.name), name.len);
	ck_assert_int_eq(memcmp(answer.name, name.ptr, name.len), 0);
	ck_assert_uint_eq(strlen(answer.password), password.len);
	ck_assert_int_eq(memcmp(answer.password, password.ptr, password.len), 0);
}

START_TEST(names_and_passwords_return_as_they_were)
{
	char all[256];

	expect_round_trip(spore_cstr("alice"), spore_cstr("correct horse"));
	expect_round_trip(spore_cstr("a:b=c"), spore_cstr(":=%\n\xFF"));
	for (size_t i = 1; i <= 70; i++)
		all[i - 1] = (char)i;
	expect_round_trip(spore_cstr("a"), (spore_str){ all, 70 });
}
END_TEST

START_TEST(the_documented_form)
{
	char text[SPORE_AUTH_ANSWER_MAX];
	size_t len = password_answer_write(spore_cstr("alice at work"), spore_cstr("a:b%c"), text);

	ck_assert_uint_eq(len, strlen("p1=alice%20at%20work:a%3Ab%25c"));
	ck_assert_int_eq(memcmp(text, "p1=alice%20at%20work:a%3Ab%25c", len), 0);
}
END_TEST

/* What does not fit is refused, never cut. */
START_TEST(the_longest_answer)
{
	char text[SPORE_AUTH_ANSWER_MAX], longest[PASSWORD_ANSWER_ROOM];

	memset(longest, 'p', sizeof longest);
	ck_assert_uint_eq(password_answer_write(spore_cstr("n"),
	                                        (spore_str){ longest, sizeof longest - 1 }, text),
	                  SPORE_AUTH_ANSWER_MAX);
	expect_round_trip(spore_cstr("n"), (spore_str){ longest, sizeof longest - 1 });
	expect_round_trip((spore_str){ longest, sizeof longest - 1 }, spore_cstr("p"));
	ck_assert_uint_eq(password_answer_write(spore_cstr("no"),
	                                        (spore_str){ longest, sizeof longest - 1 }, text),
	                  0);
	longest[0] = ' ';
	ck_assert_uint_eq(password_answer_write(spore_cstr("n"),
	                                        (spore_str){ longest, sizeof longest - 1 }, text),
	                  0);
	ck_assert_uint_eq(password_answer_write(spore_cstr(""), spore_cstr("p"), text), 0);
	ck_assert_uint_eq(password_answer_write(spore_cstr("n"), spore_cstr(""), text), 0);
	ck_assert_uint_eq(password_answer_write(spore_cstr("n"), (spore_str){ "a\0b", 3 }, text),
	                  0);
}
END_TEST

START_TEST(other_forms_are_refused)
{
	static const char *const wrong[] = {
		"",         "p1=",     "p1=:p",    "p1=n:",    "p1=n",    "p2=n:p",
		"P1=n:p",   "n:p",     "k1=n:p",   "p1=n:p:q", "p1=n:a=", "p1=n:%41",
		"p1=n:%00", "p1=n:%2", "p1=a b:p", "p1=n:p ",  "p1=n:%zz"
	};
	struct password_answer answer;
	char text[SPORE_AUTH_ANSWER_MAX + 1] = "p1=n:";

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!password_answer_parse(spore_cstr(wrong[i]), &answer), "%s",
		              wrong[i]);
	ck_assert(!password_answer_parse((spore_str){ NULL, 0 }, &answer));
	memset(text + 5, 'p', sizeof text - 5);
	ck_assert(password_answer_parse((spore_str){ text, sizeof text - 1 }, &answer));
	ck_assert(!password_answer_parse((spore_str){ text, sizeof text }, &answer));
}
END_TEST

SUITE("password_answer", names_and_passwords_return_as_they_were, the_documented_form,
      the_longest_answer, other_forms_are_refused)
