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

/* One tunnel of an identity, with its limits. */
struct user {
	struct usage *usage;
	struct use_claim *claim;
};

static void claim(struct usage_table *table, struct user *user, struct use_terms terms)
{
	ck_assert(usage_limit(table, user->usage, &user->claim, &terms));
}

static struct user come(struct usage_table *table, const char *identity, struct use_terms terms)
{
	struct user user = { .usage = usage_get(table, identity) };

	ck_assert_ptr_nonnull(user.usage);
	claim(table, &user, terms);
	return user;
}

static void leave(struct usage_table *table, struct user *user)
{
	usage_drop(table, user->usage, &user->claim);
	usage_put(table, user->usage);
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
	struct user user;

	usage_table_init(&table, 1, day_29);
	user = come(&table, "alice", terms_of(1000, USE_UNLIMITED, -1));
	ck_assert(usage_carry(&table, user.usage, 999));
	check_admits(user.usage, 0, true, 0);
	ck_assert(!usage_carry(&table, user.usage, 1));
	check_admits(user.usage, 0, false, REFUSED_USED_UP);
	ck_assert_int_eq(usage_exhausted(user.usage), USE_DAY);
	/* More is allowed. */
	claim(&table, &user, terms_of(2000, USE_UNLIMITED, -1));
	check_admits(user.usage, 0, true, 0);
	leave(&table, &user);
	usage_table_fini(&table);
}
END_TEST

START_TEST(an_identity_has_one_count)
{
	struct usage_table table;
	struct user a, b, c;

	usage_table_init(&table, 1, day_29);
	a = come(&table, "alice", terms_of(10, 10, -1));
	b = come(&table, "alice", terms_of(10, 10, -1));
	c = come(&table, "bob", terms_of(10, 10, -1));
	ck_assert_ptr_eq(a.usage, b.usage);
	ck_assert_ptr_ne(a.usage, c.usage);
	usage_carry(&table, a.usage, 10);
	check_admits(b.usage, 0, false, REFUSED_USED_UP);
	check_admits(c.usage, 0, true, 0);
	leave(&table, &a);
	leave(&table, &b);
	leave(&table, &c);
	/* It is kept without a tunnel: a client cannot leave and come back. */
	a = come(&table, "alice", terms_of(10, 10, -1));
	ck_assert_uint_eq(a.usage->used[USE_DAY], 10);
	leave(&table, &a);
	usage_table_fini(&table);
}
END_TEST

static const struct use_terms no_terms = { .bytes = { USE_UNLIMITED, USE_UNLIMITED },
	                                   .visitors_per_second = -1 };

static void check_limits(const struct usage *usage, struct use_terms terms)
{
	for (int i = 0; i < USE_DIRECTIONS; i++)
		ck_assert_uint_eq(bucket_rate(&usage->buckets[i]), terms.rates[i]);
	for (int i = 0; i < USE_PERIODS; i++)
		ck_assert_uint_eq(usage->allowed[i], terms.bytes[i]);
	ck_assert_int_eq(usage->visitors_per_second, terms.visitors_per_second);
}

START_TEST(the_strictest_claims_hold)
{
	struct use_terms terms[] = {
		{ { 0, 3000 }, { 100, USE_UNLIMITED }, 0 },
		{ { 5000, 2000 }, { 70, 900 }, -1 },
		no_terms,
	};
	struct use_terms both = { { 5000, 2000 }, { 70, 900 }, 0 };
	struct usage_table table;
	struct user users[3];

	usage_table_init(&table, 1, day_29);
	for (int i = 0; i < 3; i++)
		users[i] = come(&table, "alice", terms[i]);
	check_limits(users[0].usage, both);
	claim(&table, &users[2], terms[1]); /* one claim of two users */
	leave(&table, &users[1]);
	check_limits(users[0].usage, both);
	claim(&table, &users[2], no_terms);
	check_limits(users[0].usage, terms[0]);
	leave(&table, &users[0]);
	check_limits(users[2].usage, no_terms);
	claim(&table, &users[2], terms[1]);
	usage_drop(&table, users[2].usage, &users[2].claim);
	check_limits(users[2].usage, terms[1]); /* for relays that go on */
	leave(&table, &users[2]);
	usage_table_fini(&table);
}
END_TEST

START_TEST(a_client_without_limits_does_not_end_the_counts)
{
	struct usage_table table;
	struct user user;

	usage_table_init(&table, 1, day_29);
	user = come(&table, "alice", terms_of(100, USE_UNLIMITED, -1));
	usage_carry(&table, user.usage, 100);
	leave(&table, &user);
	user = come(&table, "alice", no_terms);
	check_admits(user.usage, 0, true, 0);
	leave(&table, &user);
	user = come(&table, "alice", terms_of(100, USE_UNLIMITED, -1));
	check_admits(user.usage, 0, false, REFUSED_USED_UP);
	leave(&table, &user);
	usage_table_fini(&table);
}
END_TEST

START_TEST(days_and_months_begin_anew)
{
	struct usage_table table;
	struct user user;

	usage_table_init(&table, 1, day_29);
	user = come(&table, "alice", terms_of(100, 150, -1));
	usage_carry(&table, user.usage, 100);
	usage_table_turn(&table, day_29 + 1000);
	check_admits(user.usage, 0, false, REFUSED_USED_UP);
	usage_table_turn(&table, day_30);
	check_admits(user.usage, 0, true, 0);
	usage_carry(&table, user.usage, 50);
	ck_assert_int_eq(usage_exhausted(user.usage), USE_MONTH);
	usage_table_turn(&table, day_29); /* the clock was set back */
	ck_assert_int_eq(usage_exhausted(user.usage), USE_MONTH);
	usage_table_turn(&table, day_1);
	check_admits(user.usage, 0, true, 0);
	leave(&table, &user);
	ck_assert_ptr_null(table.first); /* it has used nothing this month */
	usage_table_fini(&table);
}
END_TEST

START_TEST(a_clock_that_was_ahead_does_not_stop_the_days)
{
	struct usage_table table;
	struct user user;

	usage_table_init(&table, 1, day_29 + 400 * DAY_MS);
	user = come(&table, "alice", terms_of(100, 150, -1));
	usage_carry(&table, user.usage, 100);
	usage_table_turn(&table, day_29); /* the clock is right now */
	ck_assert_int_eq(usage_exhausted(user.usage), USE_DAY);
	usage_table_turn(&table, day_30);
	check_admits(user.usage, 0, true, 0);
	usage_carry(&table, user.usage, 50);
	ck_assert_int_eq(usage_exhausted(user.usage), USE_MONTH);
	usage_table_turn(&table, day_1);
	check_admits(user.usage, 0, true, 0);
	leave(&table, &user);
	usage_table_fini(&table);
}
END_TEST

START_TEST(visitors_come_at_a_pace)
{
	struct usage_table table;
	struct user user;

	usage_table_init(&table, 1, day_29);
	user = come(&table, "alice", terms_of(USE_UNLIMITED, USE_UNLIMITED, 2));
	check_admits(user.usage, 5000, true, 0);
	check_admits(user.usage, 5000, true, 0);
	check_admits(user.usage, 5000, false, REFUSED_CLIENT_PACE);
	check_admits(user.usage, 5600, true, 0);
	claim(&table, &user, terms_of(USE_UNLIMITED, USE_UNLIMITED, 0));
	check_admits(user.usage, 50000, false, REFUSED_CLIENT_PACE);
	leave(&table, &user);
	usage_table_fini(&table);
}
END_TEST

/* Writes the counts at one time, and reads them at another one. */
static void check_after(int64_t wall_ms, uint64_t day, uint64_t month)
{
	struct usage_table table;
	struct user user, other;
	struct usage *usage;
	unsigned line;
	char *text;

	usage_table_init(&table, 1, day_29);
	user = come(&table, "al ice", terms_of(500, 500, -1));
	usage_carry(&table, user.usage, 70);
	other = come(&table, "bob", no_terms);
	usage_carry(&table, other.usage, 70);
	text = usage_table_write(&table);
	ck_assert_str_eq(text, "spore use 1\n20261129\n70 70 al ice\nend 1\n");
	leave(&table, &user);
	leave(&table, &other);
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
	check_after(day_29 - DAY_MS, 70, 70); /* the clock was ahead */
	check_after(day_29 - 400 * DAY_MS, 70, 70);
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

SUITE("usage", an_allowance_is_used_up, an_identity_has_one_count, the_strictest_claims_hold,
      a_client_without_limits_does_not_end_the_counts, days_and_months_begin_anew,
      a_clock_that_was_ahead_does_not_stop_the_days, visitors_come_at_a_pace,
      a_text_keeps_the_counts_of_the_day_and_month, a_wrong_text_changes_nothing)
