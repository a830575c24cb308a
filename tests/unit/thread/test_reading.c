#include "thread/reading.h"

#include <poll.h>

#include "suite.h"

START_TEST(what_is_read_is_seen)
{
	struct reading reading;

	ck_assert(!reading_look(&reading));
	reading_begin("/mnt/key", "--secret-file");
	ck_assert(reading_look(&reading));
	ck_assert_str_eq(reading.path, "/mnt/key");
	ck_assert_str_eq(reading.option, "--secret-file");
	reading_end();
	ck_assert(!reading_look(&reading));
}
END_TEST

START_TEST(it_hangs_at_doubling_times)
{
	struct reading reading;

	ck_assert(!reading_hangs(&reading));
	reading_begin("a", "");
	ck_assert(!reading_hangs(&reading));
	poll(NULL, 0, 1100);
	ck_assert(reading_hangs(&reading));
	ck_assert(!reading_hangs(&reading));
	poll(NULL, 0, 1000);
	ck_assert(reading_hangs(&reading));
	reading_begin("b", "");
	ck_assert(!reading_hangs(&reading));
	reading_end();
}
END_TEST

SUITE("reading", what_is_read_is_seen, it_hangs_at_doubling_times)
