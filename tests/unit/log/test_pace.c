#include "log/pace.h"

#include <pthread.h>

#include "suite.h"

START_TEST(one_a_second_is_let_through)
{
	struct pace pace = { 0 };
	unsigned held = 99;

	ck_assert(pace_allows(&pace, 5000, &held));
	ck_assert_uint_eq(held, 0);
	for (int i = 0; i < 7; i++)
		ck_assert(!pace_allows(&pace, 5000 + 100 * i, &held));
	ck_assert(pace_allows(&pace, 6000, &held));
	ck_assert_uint_eq(held, 7);
	ck_assert(!pace_allows(&pace, 6999, &held));
	ck_assert(pace_allows(&pace, 60000, &held));
	ck_assert_uint_eq(held, 1);
}
END_TEST

static struct pace shared;
static atomic_uint let_through, told;

static void *ask_often(void *unused)
{
	(void)unused;
	for (int i = 0; i < 10000; i++) {
		unsigned held;

		if (pace_allows(&shared, 1, &held)) {
			atomic_fetch_add(&let_through, 1);
			atomic_fetch_add(&told, held);
		}
	}
	return NULL;
}

START_TEST(one_of_several_threads_logs)
{
	pthread_t threads[2];
	unsigned held;

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(let_through, 1);
	ck_assert(pace_allows(&shared, 100000, &held));
	ck_assert_uint_eq(told + held, 19999);
}
END_TEST

/* ---- a trouble that lasts ---- */

enum { MINUTE = 60000 };

/* How many of the events, one a second, have a line. *last_out: what the last line has left out. */
static unsigned lines_until(struct trouble *trouble, int64_t from_ms, int64_t end_ms,
                            unsigned *last_out)
{
	unsigned n = 0;

	for (int64_t now_ms = from_ms; now_ms < end_ms; now_ms += 1000)
		n += trouble_note(trouble, now_ms, last_out);
	return n;
}

START_TEST(a_trouble_that_lasts_has_fewer_and_fewer_lines)
{
	struct trouble trouble;
	struct trouble_end end;
	unsigned held = 99;

	trouble_init(&trouble);
	ck_assert(!trouble_ends(&trouble, 1, &end));
	ck_assert_uint_eq(lines_until(&trouble, 1000, 2000, &held), 1);
	ck_assert_uint_eq(held, 0);
	ck_assert_uint_eq(lines_until(&trouble, 2000, 11 * 1000, &held), 0);
	ck_assert_uint_eq(lines_until(&trouble, 11 * 1000, 12 * 1000, &held), 1);
	ck_assert_uint_eq(held, 9);
	/* after 30 s, 70 s, 150 s and so on; then once an hour */
	ck_assert_uint_eq(lines_until(&trouble, 12 * 1000, 10 * MINUTE, &held), 4);
	lines_until(&trouble, 10 * MINUTE, 300 * MINUTE, &held);
	ck_assert_uint_eq(lines_until(&trouble, 300 * MINUTE, 540 * MINUTE, &held), 4);
	ck_assert_uint_eq(held, 3599);
	trouble_fini(&trouble);
}
END_TEST

START_TEST(the_end_of_a_trouble_has_a_line)
{
	struct trouble trouble;
	struct trouble_end end;
	unsigned held;

	trouble_init(&trouble);
	lines_until(&trouble, 1000, 6000, &held);
	ck_assert(trouble_ends(&trouble, 8000, &end));
	ck_assert_int_eq(end.lasted_ms, 7000);
	ck_assert_uint_eq(end.held, 4);
	ck_assert(!trouble_ends(&trouble, 9000, &end));
	ck_assert(trouble_note(&trouble, 9000 + MINUTE, &held)); /* all was well for a minute */
	ck_assert_uint_eq(held, 0);
	ck_assert(!trouble_note(&trouble, 9001 + MINUTE, &held));
	ck_assert_uint_eq(trouble_take_held(&trouble), 1);
	ck_assert_uint_eq(trouble_take_held(&trouble), 0);
	trouble_fini(&trouble);
}
END_TEST

/* Neither its beginnings nor its ends fill the log. */
START_TEST(a_trouble_that_comes_and_goes_has_few_lines_too)
{
	struct trouble trouble;
	struct trouble_end end;
	unsigned held, n = 0, counted = 0, ends = 0;

	trouble_init(&trouble);
	for (int64_t now_ms = 1000; now_ms < 10 * MINUTE; now_ms += 1000) {
		if (trouble_note(&trouble, now_ms, &held)) {
			n++;
			counted += held + 1;
		}
		if (trouble_ends(&trouble, now_ms + 500, &end)) {
			ends++;
			counted += end.held;
		}
	}
	ck_assert_uint_eq(n, 6);
	ck_assert_uint_eq(ends, 6);
	ck_assert_uint_eq(counted + trouble_take_held(&trouble), 599);
	trouble_fini(&trouble);
}
END_TEST

SUITE("pace", one_a_second_is_let_through, one_of_several_threads_logs,
      a_trouble_that_lasts_has_fewer_and_fewer_lines, the_end_of_a_trouble_has_a_line,
      a_trouble_that_comes_and_goes_has_few_lines_too)
