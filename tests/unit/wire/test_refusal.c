#include "wire/refusal.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static bool is_counted(enum refusal why)
{
	return refusal_happens_at(why, REFUSED_AT_CONTROL) ||
	       refusal_happens_at(why, REFUSED_AT_PUBLIC);
}

/* ---- every row ---- */

START_TEST(each_has_a_name_that_can_be_a_label)
{
	for (int i = 0; i < REFUSED_COUNT; i++) {
		ck_assert_ptr_nonnull(refusal_name(i));
		ck_assert_uint_gt(strlen(refusal_name(i)), 0);
		ck_assert_uint_eq(strspn(refusal_name(i), "abcdefghijklmnopqrstuvwxyz_"),
		                  strlen(refusal_name(i)));
	}
}
END_TEST

/* Two rows are counted under the name of another one, so that the counters stay as they were. */
START_TEST(two_share_the_name_of_another)
{
	int shared = 0;

	for (int i = 0; i < REFUSED_COUNT; i++) {
		for (int k = 0; k < i; k++)
			shared += strcmp(refusal_name(i), refusal_name(k)) == 0;
	}
	ck_assert_int_eq(shared, 2);
	ck_assert_str_eq(refusal_name(REFUSED_NO_RANDOMNESS), refusal_name(REFUSED_NO_MEMORY));
	ck_assert_str_eq(refusal_name(REFUSED_PORT_PERMISSION),
	                 refusal_name(REFUSED_PORT_NOT_BOUND));
}
END_TEST

/* A frame has 256 bytes, with its JSON. */
START_TEST(each_text_fits_a_frame)
{
	for (int i = 0; i < REFUSED_COUNT; i++) {
		ck_assert_ptr_nonnull(refusal_text(i));
		ck_assert_uint_gt(strlen(refusal_text(i)), 0);
		ck_assert_uint_lt(strlen(refusal_text(i)), 200);
	}
}
END_TEST

START_TEST(each_is_documented)
{
	for (int i = 0; i < REFUSED_COUNT; i++)
		ck_assert_uint_gt(strlen(refusal_doc(i)), 10);
}
END_TEST

START_TEST(each_text_is_parsed_as_its_reason)
{
	for (int i = 0; i < REFUSED_COUNT; i++)
		ck_assert_int_eq(refusal_parse(refusal_text(i)), i);
}
END_TEST

START_TEST(details_may_follow)
{
	char text[256];

	for (int i = 0; i < REFUSED_COUNT; i++) {
		snprintf(text, sizeof text, "%s: and details", refusal_text(i));
		ck_assert_int_eq(refusal_parse(text), i);
		snprintf(text, sizeof text, "%s and more", refusal_text(i));
		ck_assert_int_eq(refusal_parse(text), REFUSED_UNKNOWN);
	}
}
END_TEST

START_TEST(what_ends_an_open_tunnel_is_not_counted)
{
	for (int i = 0; i < REFUSED_COUNT; i++)
		ck_assert_int_eq(is_counted(i), i < REFUSED_REVOKED);
}
END_TEST

START_TEST(visitors_are_counted_at_the_public_port)
{
	for (int i = 0; i < REFUSED_COUNT; i++) {
		bool of_visitors = (i >= REFUSED_SERVER_FULL && i <= REFUSED_UNSERVED) ||
		                   i == REFUSED_ACCESS_LIST || i == REFUSED_NO_MEMORY ||
		                   i == REFUSED_HANDSHAKE;

		ck_assert_int_eq(refusal_happens_at(i, REFUSED_AT_PUBLIC), of_visitors);
	}
	ck_assert(refusal_happens_at(REFUSED_ACCESS_LIST, REFUSED_AT_CONTROL));
	ck_assert(refusal_happens_at(REFUSED_NO_MEMORY, REFUSED_AT_CONTROL));
	ck_assert(!refusal_happens_at(REFUSED_SERVER_FULL, REFUSED_AT_CONTROL));
}
END_TEST

/* ---- what peers parse: bore's texts, and those of our own that scripts wait for ---- */

static const struct {
	enum refusal why;
	const char *text;
} said[] = {
	{ REFUSED_TOO_SLOW, "timed out waiting for initial message" },
	{ REFUSED_BAD_FRAME, "unable to parse message" },
	{ REFUSED_LONG_FRAME, "frame error, invalid byte length" },
	{ REFUSED_NO_SECRET, "server requires secret, but no secret was provided" },
	{ REFUSED_WRONG_SECRET, "invalid secret" },
	{ REFUSED_UNKNOWN_CLIENT, "the server does not know this client" },
	{ REFUSED_UNEXPECTED, "unexpected authenticate" },
	{ REFUSED_PORT_IN_USE, "port already in use" },
	{ REFUSED_PORT_PERMISSION, "permission denied" },
	{ REFUSED_PORT_NOT_BOUND, "failed to bind to port" },
	{ REFUSED_PORT_NOT_ALLOWED, "client port number not in allowed range" },
	{ REFUSED_NO_PORT_LEFT, "failed to find an available port" },
	{ REFUSED_HOST_NOT_ALLOWED, "host name not allowed" },
	{ REFUSED_HOST_TAKEN, "the host name is taken" },
	{ REFUSED_TOO_MANY_TRIES, "too many tries, wait a little" },
	{ REFUSED_AUTH_FAILED, "authentication is not available" },
	{ REFUSED_AUTH_TOO_SLOW, "authentication timed out" },
	{ REFUSED_DRAINING, "server is shutting down" },
	{ REFUSED_TOO_MANY_TUNNELS, "too many tunnels" },
	{ REFUSED_SOURCE_TUNNELS, "too many tunnels from this address" },
	{ REFUSED_NO_MEMORY, "out of memory" },
	{ REFUSED_NO_RANDOMNESS, "server has no randomness" },
	{ REFUSED_REVOKED, "access was revoked" },
	{ REFUSED_KICKED, "closed by the operator" },
	{ REFUSED_LIFE_OVER, "the tunnel's time is over" },
};

START_TEST(what_is_sent_stays_as_it_is)
{
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		ck_assert_str_eq(refusal_text(said[i].why), said[i].text);
		ck_assert_int_eq(refusal_parse(said[i].text), said[i].why);
	}
}
END_TEST

START_TEST(a_ban_says_how_long_it_lasts)
{
	static const char *const others[] = { "",
		                              "the source is banned",
		                              "the source is banned; try again in 5 h",
		                              "the source is banned; try again in 5 s or so",
		                              "the source is banned; try again in s",
		                              "x; try again in 99999999999 s" };
	char text[REFUSAL_BANNED_SIZE];

	ck_assert_str_eq(refusal_write_banned(41001, text),
	                 "the source is banned: wrong secrets came from this address; try again in "
	                 "42 s");
	ck_assert_int_eq(refusal_parse(text), REFUSED_SOURCE);
	ck_assert_int_eq(refusal_wait_ms(text), 42000);
	ck_assert_int_eq(refusal_wait_ms(refusal_write_banned(86400000, text)), 86400000);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		ck_assert_int_eq(refusal_wait_ms(others[i]), 0);
}
END_TEST

START_TEST(other_texts_are_unknown)
{
	static const char *const others[] = { "",
		                              "Invalid secret",
		                              "invalid secret ",
		                              "invalid",
		                              "server error: invalid secret",
		                              "invalid secret:",
		                              "invalid secrets: x",
		                              "some other server's reason" };

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		ck_assert_int_eq(refusal_parse(others[i]), REFUSED_UNKNOWN);
}
END_TEST

/* ---- what a client does about it ---- */

static enum refusal_retry expected_retry(enum refusal why)
{
	switch (why) {
	case REFUSED_NO_SECRET:
	case REFUSED_WRONG_SECRET:
	case REFUSED_UNBOUND:
	case REFUSED_UNKNOWN_CLIENT:
	case REFUSED_REVOKED:
	case REFUSED_KICKED:
	case REFUSED_SHARE:
		return RETRY_NEVER;
	case REFUSED_PORT_NOT_ALLOWED:
	case REFUSED_PORT_NOT_BOUND:
	case REFUSED_PORT_PERMISSION:
		return RETRY_ANY_PORT;
	case REFUSED_SOURCE:
	case REFUSED_TOO_MANY_TRIES:
		return RETRY_WHEN_ASKED;
	default:
		return RETRY_LATER;
	}
}

START_TEST(each_says_whether_to_try_again)
{
	for (int i = 0; i < REFUSED_COUNT; i++)
		ck_assert_int_eq(refusal_retry(i), expected_retry(i));
	ck_assert_int_eq(refusal_retry(refusal_parse("some other server's reason")), RETRY_LATER);
}
END_TEST

static enum refusal_subject expected_subject(enum refusal why)
{
	switch (why) {
	case REFUSED_NO_SECRET:
	case REFUSED_WRONG_SECRET:
	case REFUSED_UNBOUND:
	case REFUSED_UNKNOWN_CLIENT:
	case REFUSED_REVOKED:
		return SUBJECT_IDENTITY;
	case REFUSED_PORT_IN_USE:
	case REFUSED_SHARE:
	case REFUSED_NO_PORT_LEFT:
	case REFUSED_PORT_NOT_ALLOWED:
	case REFUSED_PORT_NOT_BOUND:
	case REFUSED_PORT_PERMISSION:
		return SUBJECT_PORT;
	case REFUSED_TOO_MANY_TUNNELS:
	case REFUSED_SOURCE_TUNNELS:
	case REFUSED_HOST_NOT_ALLOWED:
	case REFUSED_HOST_TAKEN:
		return SUBJECT_TUNNEL;
	default:
		return SUBJECT_CONNECTION;
	}
}

START_TEST(each_says_what_was_refused)
{
	for (int i = 0; i < REFUSED_COUNT; i++)
		ck_assert_int_eq(refusal_subject(i), expected_subject(i));
}
END_TEST

SUITE("refusal", each_has_a_name_that_can_be_a_label, two_share_the_name_of_another,
      each_text_fits_a_frame, each_is_documented, each_text_is_parsed_as_its_reason,
      details_may_follow, what_ends_an_open_tunnel_is_not_counted,
      visitors_are_counted_at_the_public_port, what_is_sent_stays_as_it_is,
      a_ban_says_how_long_it_lasts, other_texts_are_unknown, each_says_whether_to_try_again,
      each_says_what_was_refused)
