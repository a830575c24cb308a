#include "log/hangs.h"

#include <poll.h>

#include "base/clock.h"
#include "stderr_file.h"
#include "suite.h"
#include "thread/guest.h"
#include "thread/reading.h"

static const int64_t second_ns = 1000000000;

static void begin(enum guest_thread kind)
{
	stderr_file_begin();
	guest_thread_begin("some");
	guest_thread_is(kind);
	guest_set_slow(20 * 1000000);
}

static void call(const char *plugin, int ms)
{
	guest_enter(plugin, "verify");
	poll(NULL, 0, ms);
	guest_leave();
}

START_TEST(slow_calls_are_one_line_for_each_look)
{
	begin(GUEST_WORKER);
	hangs_look();
	call("quick", 0);
	for (int i = 0; i < 3; i++)
		call("slow", 40);
	hangs_look();
	hangs_look();
	stderr_file_expect(" warn  plugin blocked a worker plugin=slow call=verify thread=some "
	                   "duration_ms=");
	stderr_file_expect(" calls=3\n");
	ck_assert_uint_eq(stderr_file_lines(), 1);
	call("slow", 40);
	hangs_look();
	ck_assert_uint_eq(stderr_file_lines(), 2);
}
END_TEST

START_TEST(a_call_that_hangs_is_told_at_doubling_times)
{
	begin(GUEST_ORDINARY);
	guest_enter("stuck", "create");
	hangs_look();
	poll(NULL, 0, 600);
	hangs_look();
	ck_assert_uint_eq(stderr_file_lines(), 0);
	poll(NULL, 0, 500);
	hangs_look();
	hangs_look();
	ck_assert_uint_eq(stderr_file_lines(), 1);
	stderr_file_expect(" error plugin hangs plugin=stuck call=create thread=some "
	                   "duration_ms=1");
	poll(NULL, 0, 1000);
	hangs_look();
	hangs_look();
	ck_assert_uint_eq(stderr_file_lines(), 2);
	guest_leave();
	hangs_look();
	hangs_look();
	ck_assert_uint_eq(stderr_file_lines(), 3);
	stderr_file_expect(" warn  plugin returned plugin=stuck call=create thread=some "
	                   "duration_ms=2");
}
END_TEST

START_TEST(a_pool_may_block)
{
	begin(GUEST_POOL);
	guest_enter("blocking", "verify");
	poll(NULL, 0, 1100);
	hangs_look();
	guest_leave();
	hangs_look();
	ck_assert_uint_eq(stderr_file_lines(), 0);
	guest_enter("blocking", "verify");
	poll(NULL, 0, 200);
	hangs_log_all(100 * 1000000);
	stderr_file_expect(" error plugin hangs plugin=blocking call=verify thread=some "
	                   "duration_ms=");
}
END_TEST

START_TEST(a_turn_without_a_long_call_is_told_too)
{
	int64_t now_ns = clock_ns();

	begin(GUEST_WORKER);
	guest_turn_begin(now_ns - 3 * second_ns / 2);
	hangs_look();
	ck_assert_uint_eq(stderr_file_lines(), 0);
	guest_turn_begin(now_ns - 5 * second_ns / 2);
	hangs_look();
	hangs_look();
	stderr_file_expect(" error worker hangs thread=some duration_ms=2");
	ck_assert_uint_eq(stderr_file_lines(), 1);
	guest_turn_end(clock_ns());
	hangs_look();
	stderr_file_expect(" warn  worker returned thread=some duration_ms=2");
	ck_assert_uint_eq(stderr_file_lines(), 2);
	guest_turn_begin(now_ns - 19 * second_ns / 2);
	guest_enter("one", "verify");
	hangs_look();
	stderr_file_expect(" error worker hangs plugin=one call=verify thread=some duration_ms=9");
}
END_TEST

START_TEST(what_holds_up_the_end_is_told)
{
	begin(GUEST_WORKER);
	guest_turn_begin(clock_ns());
	poll(NULL, 0, 100);
	guest_enter("quick", "verify");
	hangs_log_all(50 * 1000000);
	stderr_file_expect(" error worker hangs plugin=quick call=verify thread=some duration_ms=");
	guest_leave();
	guest_turn_end(clock_ns());
	hangs_log_all(0);
	ck_assert_uint_eq(stderr_file_lines(), 1);
}
END_TEST

START_TEST(a_file_that_blocks_is_told)
{
	begin(GUEST_ORDINARY);
	reading_begin("/mnt/key", "/auth/0/secret/file");
	hangs_look();
	ck_assert_uint_eq(stderr_file_lines(), 0);
	poll(NULL, 0, 1100);
	hangs_look();
	hangs_look();
	stderr_file_expect(" error reading a file hangs path=/mnt/key option=/auth/0/secret/file "
	                   "duration_ms=1");
	ck_assert_uint_eq(stderr_file_lines(), 1);
	hangs_log_all(0);
	ck_assert_uint_eq(stderr_file_lines(), 2);
	reading_end();
	hangs_log_all(0);
	ck_assert_uint_eq(stderr_file_lines(), 2);
}
END_TEST

SUITE("hangs", slow_calls_are_one_line_for_each_look, a_call_that_hangs_is_told_at_doubling_times,
      a_pool_may_block, a_turn_without_a_long_call_is_told_too, what_holds_up_the_end_is_told,
      a_file_that_blocks_is_told)
