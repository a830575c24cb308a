#include "reply.h"

#include <string.h>

#include "suite.h"

static int status_of(const char *text)
{
	return reply_status(text, strlen(text));
}

START_TEST(the_status_line_tells)
{
	ck_assert_int_eq(status_of("HTTP/1.1 200 OK\r\n"), 200);
	ck_assert_int_eq(status_of("HTTP/1.0 503 "), 503);
	ck_assert_int_eq(status_of("HTTP/1.1 404\r"), 404);
}
END_TEST

/* Split at every byte, the reply says "more" until the status is complete. */
START_TEST(bytes_may_come_one_by_one)
{
	const char *text = "HTTP/1.1 204 No Content\r\n";

	for (size_t len = 0; len <= strlen(text); len++)
		ck_assert_int_eq(reply_status(text, len), len < 13 ? REPLY_MORE : 204);
}
END_TEST

START_TEST(interim_replies_are_skipped)
{
	ck_assert_int_eq(status_of("HTTP/1.1 103 Early Hints\r\nLink: x\r\n"), REPLY_MORE);
	ck_assert_int_eq(status_of("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), REPLY_MORE);
	ck_assert_int_eq(
		status_of("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nL: x\r\n\r\nHTTP/1.1 200 OK"),
		200);
}
END_TEST

START_TEST(other_bytes_are_invalid)
{
	static const char *const wrong[] = { "SSH-2.0-x",        "HTTP/2.0 200 OK",
		                             "HTTP/1.x 200 OK",  "HTTP/1.1 2x0 OK",
		                             "HTTP/1.1 2000 OK", "X",
		                             "HTTP/1.1 099 OK",  "HTTP/1.1\t200 OK" };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(status_of(wrong[i]) == REPLY_INVALID, "%s", wrong[i]);
	ck_assert_int_eq(reply_status("HTTP/1.1 200\0", 13), REPLY_INVALID);
}
END_TEST

START_TEST(a_list_has_statuses_and_ranges)
{
	static const char *const good[] = { "200", "200-399", "200-299, 401", " 100 , 999 " };
	static const char *const bad[] = { "",     "20",      "2000", "200-", "200-1", "300-200",
		                           "200,", "200 300", "2xx",  "-200", "099" };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(reply_is_list(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!reply_is_list(bad[i]), "%s", bad[i]);
	ck_assert(reply_is_expected("200-299, 401", 200));
	ck_assert(reply_is_expected("200-299, 401", 299));
	ck_assert(reply_is_expected("200-299, 401", 401));
	ck_assert(!reply_is_expected("200-299, 401", 300));
	ck_assert(!reply_is_expected("200", 201));
}
END_TEST

SUITE("reply", the_status_line_tells, bytes_may_come_one_by_one, interim_replies_are_skipped,
      other_bytes_are_invalid, a_list_has_statuses_and_ranges)
