#include "named.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

static void expect_round_trip(const char *name, const char *encoded)
{
	char text[512] = "", *end;
	struct named_answer answer;

	ck_assert_uint_eq(named_size(spore_cstr(name)), strlen(encoded));
	named_write(spore_cstr(name), text);
	ck_assert_str_eq(text, encoded);
	end = text + strlen(text);
	memcpy(end, "p:q", 4);
	ck_assert(named_parse(spore_cstr(text), &answer));
	ck_assert_str_eq(answer.name, name);
	ck_assert_uint_eq(answer.proof.len, 3);
	ck_assert_ptr_eq(answer.proof.ptr, end);
}

START_TEST(a_name_returns_as_it_was)
{
	expect_round_trip("alice", "alice:");
	expect_round_trip("Al-i.c_e~@+9", "Al-i.c_e~@+9:");
	expect_round_trip("a b:c%d", "a%20b%3Ac%25d:");
	expect_round_trip("\xC3\xA4\x7F\x01\xFF", "%C3%A4%7F%01%FF:");
}
END_TEST

START_TEST(an_answer_without_a_colon_has_no_name)
{
	struct named_answer answer;

	ck_assert(named_parse(spore_cstr("c382894757a0"), &answer));
	ck_assert_str_eq(answer.name, "");
	ck_assert_uint_eq(answer.proof.len, 12);
	ck_assert(named_parse((spore_str){ NULL, 0 }, &answer));
	ck_assert_str_eq(answer.name, "");
	ck_assert_uint_eq(answer.proof.len, 0);
}
END_TEST

/* A name has one encoding, so that nobody can hide a name from whoever compares the bytes. */
START_TEST(other_encodings_are_refused)
{
	static const char *const wrong[] = { ":p",    "a b:p",   "a\x01:p", "\xC3\xA4:p", "%:p",
		                             "%4:p",  "a%2:0p",  "%zz:p",   "%c3:p",      "%41:p",
		                             "%00:p", "a%00b:p", "a/b:p",   "%2F%:p" };
	struct named_answer answer;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!named_parse(spore_cstr(wrong[i]), &answer), "%s", wrong[i]);
	ck_assert(!named_parse((spore_str){ "a\0b:p", 5 }, &answer));
}
END_TEST

START_TEST(the_longest_name)
{
	enum { MOST = SPORE_IDENTITY_MAX };
	char text[MOST + 2];
	struct named_answer answer;

	memset(text, 'n', sizeof text);
	text[MOST] = ':';
	ck_assert(named_parse((spore_str){ text, MOST + 1 }, &answer));
	ck_assert_uint_eq(strlen(answer.name), MOST);
	ck_assert_uint_eq(answer.proof.len, 0);
	text[MOST] = 'n';
	text[MOST + 1] = ':';
	ck_assert(!named_parse((spore_str){ text, MOST + 2 }, &answer));
}
END_TEST

SUITE("named", a_name_returns_as_it_was, an_answer_without_a_colon_has_no_name,
      other_encodings_are_refused, the_longest_name)
