#include "net/answers.h"

#include <stdio.h>
#include <string.h>

#include "net/addr.h"
#include "suite.h"

enum { T = 5000000 }; /* some time of the monotonic clock */

static struct answers answers;

static void start_empty(void)
{
	answers_fini(&answers);
	memset(&answers, 0, sizeof answers);
}

static void keep(const char *name, const char *const texts[], int64_t now_ms)
{
	spore_addr addrs[ANSWERS_MAX];
	size_t n = 0;

	for (; texts[n]; n++)
		ck_assert(addr_parse_ip(texts[n], &addrs[n]));
	answers_keep(&answers, name, addrs, n, now_ms);
}

static void keep_one(const char *name, const char *text, int64_t now_ms)
{
	keep(name, (const char *const[]){ text, NULL }, now_ms);
}

/* The state, and the first address if there is one. */
static void expect(const char *name, int64_t now_ms, enum answer_state state, const char *first)
{
	spore_addr addrs[ANSWERS_MAX];
	char text[ADDR_TEXT_SIZE];
	size_t n;

	ck_assert_int_eq(answers_find(&answers, name, now_ms, addrs, &n), state);
	ck_assert_int_eq(n > 0, first != NULL);
	if (first)
		ck_assert_str_eq(addr_format_ip(&addrs[0], text), first);
}

START_TEST(an_answer_ages)
{
	start_empty();
	expect("a", T, ANSWER_NONE, NULL);
	keep_one("a", "10.0.0.1", T);
	expect("a", T, ANSWER_FRESH, "10.0.0.1");
	expect("a", T + ANSWERS_RENEW_MS - 1, ANSWER_FRESH, "10.0.0.1");
	expect("a", T + ANSWERS_RENEW_MS, ANSWER_DUE, "10.0.0.1");
	expect("a", T + ANSWERS_AGE_MS - 1, ANSWER_DUE, "10.0.0.1");
	expect("a", T + ANSWERS_AGE_MS, ANSWER_OLD, "10.0.0.1");
	expect("a", T + ANSWERS_MOST_MS - 1, ANSWER_OLD, "10.0.0.1");
	expect("a", T + ANSWERS_MOST_MS, ANSWER_NONE, NULL);
	expect("b", T, ANSWER_NONE, NULL);
}
END_TEST

START_TEST(a_new_answer_replaces_the_old_one)
{
	start_empty();
	keep_one("a", "10.0.0.1", T);
	keep_one("a", "10.0.0.2", T + 1500);
	expect("a", T + 2400, ANSWER_FRESH, "10.0.0.2");
	keep_one("a", "10.0.0.3", T + 90000);
	expect("a", T + 90000, ANSWER_FRESH, "10.0.0.3");
}
END_TEST

START_TEST(a_name_that_is_gone_has_no_answer)
{
	start_empty();
	keep_one("a", "10.0.0.1", T);
	answers_forget(&answers, "a");
	expect("a", T, ANSWER_NONE, NULL);
	answers_extend(&answers, "a", T); /* what was forgotten does not come back */
	expect("a", T, ANSWER_NONE, NULL);
	answers_forget(&answers, "b");
	keep_one("a", "10.0.0.2", T);
	expect("a", T, ANSWER_FRESH, "10.0.0.2");
}
END_TEST

/* However often the name service fails, an answer is not used beyond ANSWERS_MOST_MS. */
START_TEST(failures_spare_an_answer_for_a_bounded_time)
{
	start_empty();
	answers_extend(&answers, "a", T);
	keep_one("a", "10.0.0.1", T);
	for (int64_t t = T + ANSWERS_AGE_MS; t < T + ANSWERS_MOST_MS; t += ANSWERS_AGE_MS) {
		expect("a", t, ANSWER_OLD, "10.0.0.1");
		answers_extend(&answers, "a", t);
		expect("a", t, ANSWER_FRESH, "10.0.0.1");
	}
	answers_extend(&answers, "a", T + ANSWERS_MOST_MS - 1);
	expect("a", T + ANSWERS_MOST_MS - 1, ANSWER_DUE, "10.0.0.1");
	expect("a", T + ANSWERS_MOST_MS, ANSWER_NONE, NULL);
	answers_extend(&answers, "a", T + ANSWERS_MOST_MS);
	expect("a", T + ANSWERS_MOST_MS, ANSWER_NONE, NULL);
}
END_TEST

START_TEST(a_doubtful_answer_is_old)
{
	start_empty();
	answers_doubt(&answers, "a", T);
	keep_one("a", "10.0.0.1", T);
	answers_doubt(&answers, "a", T);
	expect("a", T, ANSWER_OLD, "10.0.0.1");
	answers_doubt(&answers, "a", T + 5000); /* does not make it younger */
	expect("a", T + 1, ANSWER_OLD, "10.0.0.1");
}
END_TEST

START_TEST(a_preference_outlasts_the_answer)
{
	static const char *const both[] = { "10.0.0.1", "10.0.0.2", NULL };
	spore_addr second, other;

	start_empty();
	ck_assert(addr_parse("10.0.0.2:80", &second));
	ck_assert(addr_parse("10.0.0.9:80", &other));
	answers_prefer(&answers, "a", &second);
	keep("a", both, T);
	expect("a", T, ANSWER_FRESH, "10.0.0.1");
	answers_prefer(&answers, "a", &second);
	expect("a", T, ANSWER_FRESH, "10.0.0.2");
	keep("a", both, T);
	expect("a", T, ANSWER_FRESH, "10.0.0.2");
	answers_prefer(&answers, "a", &other);
	expect("a", T, ANSWER_FRESH, "10.0.0.2");
	keep_one("a", "10.0.0.1", T);
	expect("a", T, ANSWER_FRESH, "10.0.0.1");
}
END_TEST

START_TEST(the_table_is_bounded)
{
	char name[32];

	start_empty();
	for (int i = 0; i < ANSWERS_NAMES + 1; i++) {
		snprintf(name, sizeof name, "name%d", i);
		keep_one(name, "10.0.0.1", T);
	}
	expect("name0", T, ANSWER_NONE, NULL);
	expect("name1", T, ANSWER_FRESH, "10.0.0.1");
	expect(name, T, ANSWER_FRESH, "10.0.0.1");
	keep_one("name1", "10.0.0.2", T); /* replaces its own entry */
	expect("name2", T, ANSWER_FRESH, "10.0.0.1");
}
END_TEST

SUITE("answers", an_answer_ages, a_new_answer_replaces_the_old_one,
      a_name_that_is_gone_has_no_answer, failures_spare_an_answer_for_a_bounded_time,
      a_doubtful_answer_is_old, a_preference_outlasts_the_answer, the_table_is_bounded)
