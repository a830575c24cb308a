#include "usage/refusing.h"

#include "suite.h"

enum { T0 = 1000000, MINUTE = 60000 };

START_TEST(limits_of_the_client_concern_it)
{
	ck_assert(refusing_concerns_client(REFUSED_USED_UP));
	ck_assert(refusing_concerns_client(REFUSED_CLIENT_PACE));
	ck_assert(refusing_concerns_client(REFUSED_CLIENT_FULL));
	ck_assert(!refusing_concerns_client(REFUSED_SERVER_FULL));
	ck_assert(!refusing_concerns_client(REFUSED_ACCESS_LIST));
}
END_TEST

/* Times in minutes at which the client is told while a visitor is refused each second. */
START_TEST(intervals_grow)
{
	static const int64_t expected[] = { 0, 1, 5, 21, 81, 141 };
	struct refusing refusing = { .is_told = false };
	size_t n = 0;

	for (int64_t t = 0; t <= 150 * MINUTE; t += 1000) {
		if (!refusing_note(&refusing, REFUSED_USED_UP, T0 + t))
			continue;
		ck_assert_uint_lt(n, sizeof expected / sizeof *expected);
		ck_assert_int_eq(t / MINUTE, expected[n]);
		n++;
	}
	ck_assert_uint_eq(n, sizeof expected / sizeof *expected);
	ck_assert_int_eq(refusing.why, REFUSED_USED_UP);
}
END_TEST

START_TEST(it_is_over_when_no_visitor_is_refused_for_a_while)
{
	struct refusing refusing = { .is_told = false };

	ck_assert(!refusing_end(&refusing, T0));
	ck_assert(refusing_note(&refusing, REFUSED_CLIENT_PACE, T0));
	ck_assert(!refusing_end(&refusing, T0 + 1));
	ck_assert(!refusing_note(&refusing, REFUSED_CLIENT_PACE, T0 + 1000));
	ck_assert(!refusing_end(&refusing, T0 + REFUSING_CALM_MS));
	ck_assert(refusing_end(&refusing, T0 + 1000 + REFUSING_CALM_MS));
	ck_assert(!refusing_end(&refusing, T0 + 2000 + REFUSING_CALM_MS));
	/* A client whose visitors come in bursts is not told more often. */
	ck_assert(!refusing_note(&refusing, REFUSED_CLIENT_PACE, T0 + 30000));
	ck_assert(refusing_note(&refusing, REFUSED_CLIENT_PACE, T0 + MINUTE));
	/* Long after that it is news again. */
	ck_assert(refusing_note(&refusing, REFUSED_CLIENT_PACE, T0 + 100 * MINUTE));
	ck_assert_int_eq(refusing.pause_ms, REFUSING_FIRST_MS);
}
END_TEST

/* As with a limit on visitors per second. */
START_TEST(a_client_is_told_while_some_visitors_are_let_in)
{
	struct refusing refusing = { .is_told = false };
	unsigned n = 0;

	for (int64_t t = T0; t < T0 + 120 * MINUTE; t += 10000) {
		n += refusing_note(&refusing, REFUSED_CLIENT_PACE, t);
		ck_assert(refusing_is_recent(&refusing, t + 9999));
		refusing_end(&refusing, t + 9999);
	}
	ck_assert_uint_ge(n, 120 / 5);
	ck_assert(!refusing_is_recent(&refusing, T0 + 122 * MINUTE));
}
END_TEST

START_TEST(another_reason_is_told_soon)
{
	struct refusing refusing = { .is_told = false };

	ck_assert(!refusing_is_recent(&refusing, T0));
	ck_assert(refusing_note(&refusing, REFUSED_CLIENT_FULL, T0));
	ck_assert(!refusing_note(&refusing, REFUSED_USED_UP, T0 + 1000));
	ck_assert(refusing_note(&refusing, REFUSED_USED_UP, T0 + REFUSING_CALM_MS));
	ck_assert(!refusing_note(&refusing, REFUSED_USED_UP, T0 + 2 * REFUSING_CALM_MS));
	ck_assert_int_eq(refusing.why, REFUSED_USED_UP);
}
END_TEST

SUITE("refusing", a_client_is_told_while_some_visitors_are_let_in, another_reason_is_told_soon,
      limits_of_the_client_concern_it, intervals_grow,
      it_is_over_when_no_visitor_is_refused_for_a_while)
