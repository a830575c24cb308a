#include "intake.h"

#include "suite.h"

/* Feeds a text in pieces of `step` bytes. Returns the number of replies; -1: it is refused. */
static int count(const char *text, size_t len, size_t step)
{
	struct intake intake;
	redisReply *reply;
	int n = 0;

	ck_assert(intake_init(&intake));
	for (size_t at = 0; at < len && n >= 0; at += step) {
		ck_assert(intake_feed(&intake, text + at, len - at < step ? len - at : step));
		while (n >= 0) {
			if (!intake_next(&intake, &reply))
				n = -1;
			else if (!reply)
				break;
			else
				intake_free(reply), n++;
		}
	}
	intake_fini(&intake);
	return n;
}

START_TEST(replies_come_in_any_pieces)
{
	static const char text[] = "+OK\r\n*2\r\n$1\r\na\r\n$-1\r\n:5\r\n-ERR no\r\n*0\r\n";

	for (size_t step = 1; step < sizeof text; step++)
		ck_assert_int_eq(count(text, sizeof text - 1, step), 5);
}
END_TEST

START_TEST(what_is_too_large_is_refused)
{
	static char large[INTAKE_BYTES_MAX + 64] = "$100000000\r\n";
	static const char list[] = "*2147483647\r\n", garbage[] = "HTTP/1.1 200\r\n";

	ck_assert_int_eq(count(large, sizeof large, 4096), -1);
	ck_assert_int_eq(count(list, sizeof list - 1, 4), -1);
	ck_assert_int_eq(count(garbage, sizeof garbage - 1, 4), -1);
}
END_TEST

SUITE("intake", replies_come_in_any_pieces, what_is_too_large_is_refused)
