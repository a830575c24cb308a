#include "identity.h"

#include <string.h>

#include "suite.h"

START_TEST(good_identities)
{
	char longest[SPORE_IDENTITY_MAX + 1];

	ck_assert(identity_is_good(spore_cstr("alice at work")));
	ck_assert(identity_is_good(spore_cstr("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x8D\x84")));
	memset(longest, 'n', sizeof longest);
	ck_assert(identity_is_good((spore_str){ longest, SPORE_IDENTITY_MAX }));
	ck_assert(!identity_is_good((spore_str){ longest, SPORE_IDENTITY_MAX + 1 }));
}
END_TEST

START_TEST(what_a_host_refuses)
{
	static const char *const wrong[] = {
		"",         "a\nb",         "\x7F",         "\xC2\x80",         "\xC3", "\x80",
		"\xC0\x80", "\xED\xA0\x80", "\xEF\xBB\xBF", "\xF4\x90\x80\x80", "\xFF"
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!identity_is_good(spore_cstr(wrong[i])), "%zu", i);
	ck_assert(!identity_is_good((spore_str){ "a\0b", 3 }));
}
END_TEST

SUITE("identity", good_identities, what_a_host_refuses)
