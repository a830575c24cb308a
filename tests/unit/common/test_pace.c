#include "pace.h"

#include <string.h>

#include "suite.h"

START_TEST(a_few_at_once_and_then_one_a_second)
{
	struct pace pace = { 0 };
	unsigned suppressed = 99;

	for (int i = 0; i < PACE_BURST; i++) {
		ck_assert(pace_allows(&pace, 5000, &suppressed));
		ck_assert_uint_eq(suppressed, 0);
	}
	for (int i = 0; i < 7; i++)
		ck_assert(!pace_allows(&pace, 5000 + 100 * i, &suppressed));
	ck_assert(pace_allows(&pace, 6000, &suppressed));
	ck_assert_uint_eq(suppressed, 7);
	ck_assert(!pace_allows(&pace, 6000, &suppressed));
	ck_assert(pace_allows(&pace, 7000, &suppressed));
	ck_assert_uint_eq(suppressed, 1);
}
END_TEST

START_TEST(a_pause_gives_all_times_back)
{
	struct pace pace = { 0 };
	unsigned suppressed;

	for (int i = 0; i < PACE_BURST; i++)
		ck_assert(pace_allows(&pace, 0, &suppressed));
	for (int i = 0; i < PACE_BURST; i++)
		ck_assert(pace_allows(&pace, 1000000, &suppressed));
	ck_assert(!pace_allows(&pace, 1000000, &suppressed));
}
END_TEST

static int64_t clock_ms;
static char logged[100];

static int64_t now_ms(void)
{
	return clock_ms;
}

static uint32_t log_enabled(const spore_ctx *ctx, int32_t level)
{
	(void)ctx;
	(void)level;
	return 1;
}

static void record(const spore_ctx *ctx, int32_t level, spore_str text, const spore_kv *fields,
                   size_t n_fields)
{
	(void)ctx;
	(void)fields;
	ck_assert_int_eq(level, SPORE_LOG_INFO);
	ck_assert_uint_eq(n_fields, 0);
	memcpy(logged, text.ptr, text.len);
	logged[text.len] = '\0';
}

START_TEST(what_was_not_logged_is_counted_in_a_line)
{
	const spore_host host = {
		.struct_size = sizeof host,
		.log_enabled = log_enabled,
		.log = record,
		.now_ms = now_ms,
	};
	struct pace pace = { 0 };

	for (int i = 0; i < PACE_BURST; i++)
		ck_assert(pace_allows_line(&pace, &host, NULL, SPORE_LOG_INFO, "lines"));
	for (int i = 0; i < 3; i++)
		ck_assert(!pace_allows_line(&pace, &host, NULL, SPORE_LOG_INFO, "lines"));
	ck_assert_str_eq(logged, "");
	clock_ms = 1000;
	ck_assert(pace_allows_line(&pace, &host, NULL, SPORE_LOG_INFO, "lines"));
	ck_assert_str_eq(logged, "3 more lines were not logged");
}
END_TEST

SUITE("pace", a_few_at_once_and_then_one_a_second, a_pause_gives_all_times_back,
      what_was_not_logged_is_counted_in_a_line)
