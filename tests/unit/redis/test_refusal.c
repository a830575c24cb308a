#include "refusal.h"

#include <string.h>

#include "suite.h"

static char text[256];

static const char *text_of(const char *reply)
{
	refusal_of_login("Redis", reply, text, sizeof text);
	return text;
}

START_TEST(what_was_sent_is_not_repeated)
{
	static const char *const replies[] = {
		"ERR unknown command 'AUTH', with args beginning with: 'user' 'hunter1'",
		"ERR unknown command `AUTH`, with args beginning with: `hunter1`, ",
		"ERR hunter1",
		"hunter1",
		"HUNTER1 hunter1",
		"HUNTERHUNTERHUNTERHUNTER",
		"",
	};

	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		ck_assert_ptr_null(strcasestr(text_of(replies[i]), "hunter"));
		ck_assert_ptr_nonnull(strstr(text, "Redis refuses the log-in: "));
	}
}
END_TEST

START_TEST(known_errors_are_explained)
{
	ck_assert_str_eq(text_of("WRONGPASS invalid username-password pair or user is disabled."),
	                 "Redis refuses the log-in: WRONGPASS: the user or the password is wrong, "
	                 "or the user is off");
	ck_assert_str_eq(text_of("ERR max number of clients reached"),
	                 "Redis refuses the log-in: ERR: it has too many connections (maxclients)");
	ck_assert_str_eq(text_of("ERR something else"),
	                 "Redis refuses the log-in: ERR: its text is left out, since it may repeat "
	                 "the password");
}
END_TEST

SUITE("refusal", what_was_sent_is_not_repeated, known_errors_are_explained)
