#include "thread/delays.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static void note(const char *plugin, const char *call, int64_t ns, bool told, const char *thread)
{
	delays_note(
		&(struct delay){ .plugin = plugin, .call = call, .longest_ns = ns, .told = told },
		thread);
}

static void list_delay(const struct delay *delay, const char *thread, void *arg)
{
	char *list = arg;

	snprintf(list + strlen(list), 512 - strlen(list), "%s.%s %s %lld %u%s\n",
	         delay->plugin ? delay->plugin : "-", delay->call ? delay->call : "-", thread,
	         (long long)delay->longest_ns, delay->n, delay->told ? " told" : "");
}

static void expect(const char *expected)
{
	char list[512] = "";

	delays_take(list_delay, list);
	ck_assert_str_eq(list, expected);
}

START_TEST(the_calls_of_one_kind_are_one)
{
	note("a", "verify", 5, false, "w0");
	note("a", "verify", 7, false, "w1");
	note("a", "verify", 6, false, "w0");
	note("a", "cancel", 9, false, "w0");
	expect("a.cancel w0 9 1\na.verify w1 7 3\n");
	expect("");
	note("a", "verify", 2, false, "w0");
	expect("a.verify w0 2 1\n");
}
END_TEST

START_TEST(those_that_were_told_are_one_for_each_thread)
{
	note("a", "verify", 5, false, "w0");
	note("a", "verify", 6, true, "w0");
	note("a", "verify", 7, true, "w1");
	note(NULL, NULL, 8, true, "w0");
	expect("-.- w0 8 1 told\na.verify w1 7 1 told\na.verify w0 6 1 told\na.verify w0 5 1\n");
}
END_TEST

START_TEST(all_are_counted)
{
	char other[] = "a";

	ck_assert_uint_eq(delays_count("a"), 0);
	for (int i = 0; i < 3; i++)
		note("a", i ? "verify" : "cancel", 1, i == 2, "w0");
	note("b", "verify", 1, false, "w0");
	note(NULL, NULL, 1, true, "w0");
	ck_assert_uint_eq(delays_count(other), 3);
	expect("-.- w0 1 1 told\nb.verify w0 1 1\na.verify w0 1 1 told\na.verify w0 1 1\n"
	       "a.cancel w0 1 1\n");
	ck_assert_uint_eq(delays_count("a"), 3);
}
END_TEST

SUITE("delays", the_calls_of_one_kind_are_one, those_that_were_told_are_one_for_each_thread,
      all_are_counted)
