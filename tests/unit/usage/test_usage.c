#include "usage/usage.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* 2026-11-29, 2026-11-30 and 2026-12-01, at noon. */
#define DAY_MS INT64_C(86400000)
static const int64_t day_29 = INT64_C(1795953600000);
static const int64_t day_30 = INT64_C(1795953600000) + DAY_MS;
static const int64_t day_1 = INT64_C(1795953600000) + 2 * DAY_MS;

static struct use_terms terms_of(uint64_t day, uint64_t month, int64_t visitors)
{
	return (struct use_terms){ .bytes = { day, month }, .visitors_per_second = visitors };
}

static struct usage *limited(struct usage_table *table, const char *identity,
                             struct use_terms terms)
{
	struct usage *usage = usage_get(table, identity);

	ck_assert_ptr_nonnull(usage);
	ck_assert(usage_limit(usage, &terms));
	return usage;
}

static void check_admits(struct usage *usage, int64_t now_ms, bool expected, enum refusal why)
{
	enum refusal found = REFUSED_UNKNOWN;

	ck_assert_int_eq(usage_admit(usage, now_ms, &found), expected);
	if (!expected)
		ck_assert_int_eq(found, why);
}

START_TEST(an_allowance_is_used_up)
{
	struct usage_table table;
	struct usage *usage;

	usage_table_init(&table, 1, day_29);
	usage = limited(&table, "alice", terms_of(1000, USE_UNLIMITED, -1));
	ck_assert(usage_carry(&table, usage, 999));
	check_admits(usage, 0, true, 0);
	ck_assert(!usage_carry(&table, usage, 1));
	check_admits(usage, 0, false, REFUSED_USED_UP);
	ck_assert_int_eq(usage_exhausted(usage), USE_DAY);
	/* More is allowed. */
	ck_assert(usage_limit(usage, &(struct use_terms){ .bytes = { 2000, USE_UNLIMITED },
	                                                  .visitors_per_second = -1 }));
	check_admits(usage, 0, true, 0);
	usage_put(&table, usage);
	usage_table_fini(&table);
}
END_TEST

START_TEST(an_identity_has_one_count)
{
	struct usage_table table;
	struct usage *a, *b, *c;

	usage_table_init(&table, 1, day_29);
	a = limited(&table, "alice", terms_of(10, 10, -1));
	b = usage_get(&table, "alice");
	c = usage_get(&table, "bob");
	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_ne(a, c);
	usage_carry(&table, a, 10);
	check_admits(b, 0, false, REFUSED_USED_UP);
	check_admits(c, 0, true, 0);
	usage_put(&table, a);
	usage_put(&table, b);
	usage_put(&table, c);
	/* It is kept without a tunnel: a client cannot leave and come back. */
	a = usage_get(&table, "alice");
	ck_assert_uint_eq(a->used[USE_DAY], 10);
	usage_put(&table, a);
	usage_table_fini(&table);
}
END_TEST

START_TEST(days_and_months_begin_anew)
{
	struct usage_table table;
	struct usage *usage;

	usage_table_init(&table, 1, day_29);
	usage = limited(&table, "alice", terms_of(100, 150, -1));
	usage_carry(&table, usage, 100);
	usage_table_turn(&table, day_29 + 1000);
	check_admits(usage, 0, false, REFUSED_USED_UP);
	usage_table_turn(&table, day_30);
	check_admits(usage, 0, true, 0);
	usage_carry(&table, usage, 50);
	ck_assert_int_eq(usage_exhausted(usage), USE_MONTH);
	usage_table_turn(&table, day_29); /* the clock was set back */
	ck_assert_int_eq(usage_exhausted(usage), USE_MONTH);
	usage_table_turn(&table, day_1);
	check_admits(usage, 0, true, 0);
	usage_put(&table, usage);
	ck_assert_ptr_null(table.first); /* it has used nothing this month */
	usage_table_fini(&table);
}
END_TEST

START_TEST(visitors_come_at_a_pace)
{
	struct usage_table table;
	struct usage *usage;

	usage_table_init(&table, 1, day_29);
	usage = limited(&table, "alice", terms_of(USE_UNLIMITED, USE_UNLIMITED, 2));
	check_admits(usage, 5000, true, 0);
	check_admits(usage, 5000, true, 0);
	check_admits(usage, 5000, false, REFUSED_CLIENT_PACE);
	check_admits(usage, 5600, true, 0);
	ck_assert(usage_limit(usage, &(struct use_terms){ .bytes = { USE_UNLIMITED, USE_UNLIMITED },
	                                                  .visitors_per_second = 0 }));
	check_admits(usage, 50000, false, REFUSED_CLIENT_PACE);
	usage_put(&table, usage);
	usage_table_fini(&table);
}
END_TEST

/* Writes the counts at one time, and reads them at another one. */
static void check_after(int64_t wall_ms, uint64_t day, uint64_t month)
{
	struct usage_table table;
	struct usage *usage;
	unsigned line;
	char *text;

	usage_table_init(&table, 1, day_29);
	usage = limited(&table, "al ice", terms_of(500, 500, -1));
	usage_carry(&table, usage, 70);
	usage_put(&table, limited(&table, "bob", terms_of(USE_UNLIMITED, USE_UNLIMITED, -1)));
	text = usage_table_write(&table);
	ck_assert_str_eq(text, "spore use 1\n20261129\n70 70 al ice\nend 1\n");
	usage_put(&table, usage);
	usage_table_fini(&table);
	usage_table_init(&table, 1, wall_ms);
	ck_assert_ptr_null(usage_table_read(&table, text, &line));
	usage = usage_get(&table, "al ice");
	ck_assert_uint_eq(usage->used[USE_DAY], day);
	ck_assert_uint_eq(usage->used[USE_MONTH], month);
	usage_put(&table, usage);
	free(text);
	usage_table_fini(&table);
}

START_TEST(a_text_keeps_the_counts_of_the_day_and_month)
{
	check_after(day_29, 70, 70);
	check_after(day_30, 0, 70);
	check_after(day_1, 0, 0);
}
END_TEST

START_TEST(a_wrong_text_changes_nothing)
{
	static const struct {
		const char *text;
		unsigned line;
	} rows[] = {
		{ "", 1 },
		{ "spore use 2\n20261129\nend 0\n", 1 },
		{ "spore use 1\nyesterday\nend 0\n", 2 },
		{ "spore use 1\n20261129\n", 3 },
		{ "spore use 1\n20261129\n1 2 alice\n", 4 },
		{ "spore use 1\n20261129\n1 2 alice\n-1 3 bob\nend 2\n", 4 },
		{ "spore use 1\n20261129\n1 99999999999999999999 bob\nend 1\n", 3 },
		{ "spore use 1\n20261129\n1 2 alice\nend 2\n", 4 },
		{ "spore use 1\n20261129\n1 2 alice\nend 1\nmore\n", 4 },
		{ "spore use 1\n20261129\n1 2 alice", 3 },
	};
	struct usage_table table;
	unsigned line;

	usage_table_init(&table, 1, day_29);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_ptr_nonnull(usage_table_read(&table, rows[i].text, &line));
		ck_assert_uint_eq(line, rows[i].line);
		ck_assert_ptr_null(table.first);
	}
	usage_table_fini(&table);
}
END_TEST

SUITE("usage", an_allowance_is_used_up, an_identity_has_one_count, days_and_months_begin_anew,
      visitors_come_at_a_pace, a_text_keeps_the_counts_of_the_day_and_month,
      a_wrong_text_changes_nothing)
