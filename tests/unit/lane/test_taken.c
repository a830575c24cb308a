#include "lane/taken.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "suite.h"

static struct taken table;

static struct uuid id_of(unsigned number)
{
	struct uuid id = { { (uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16) } };

	return id;
}

static enum taken_as note(unsigned number, enum taken_as as, int64_t now_ms)
{
	struct uuid id = id_of(number);

	return taken_note(&table, &id, as, now_ms);
}

static void forget(unsigned number)
{
	struct uuid id = id_of(number);

	taken_forget(&table, &id);
}

START_TEST(a_visitor_is_new_once_however_it_comes)
{
	static const enum taken_as ways[] = { TAKEN_OPENED, TAKEN_ANNOUNCED };

	taken_init(&table);
	for (unsigned first = 0; first < 2; first++) {
		for (unsigned second = 0; second < 2; second++) {
			unsigned number = 2 * first + second;

			ck_assert_int_eq(note(number, ways[first], 1000), TAKEN_NOT);
			ck_assert_int_eq(note(number, ways[second], 1000), ways[first]);
			ck_assert_int_eq(note(number, ways[!second], 1000), ways[first]);
		}
	}
	ck_assert_uint_eq(table.n, 4);
	taken_fini(&table);
}
END_TEST

START_TEST(a_visitor_that_is_forgotten_is_new)
{
	taken_init(&table);
	forget(1); /* it was never known */
	note(1, TAKEN_OPENED, 1000);
	note(2, TAKEN_OPENED, 1000);
	forget(1);
	ck_assert_uint_eq(table.n, 1);
	ck_assert_int_eq(note(1, TAKEN_ANNOUNCED, 1000), TAKEN_NOT);
	ck_assert_int_eq(note(2, TAKEN_ANNOUNCED, 1000), TAKEN_OPENED);
	taken_fini(&table);
}
END_TEST

/* The time counts from when the visitor came first. */
START_TEST(a_visitor_is_remembered_for_a_time)
{
	taken_init(&table);
	note(1, TAKEN_OPENED, 1000);
	note(2, TAKEN_OPENED, 2000);
	ck_assert_int_eq(note(1, TAKEN_ANNOUNCED, 1000 + TAKEN_MS - 1), TAKEN_OPENED);
	ck_assert_int_eq(note(1, TAKEN_ANNOUNCED, 1000 + TAKEN_MS), TAKEN_NOT);
	ck_assert_int_eq(note(2, TAKEN_ANNOUNCED, 1000 + TAKEN_MS), TAKEN_OPENED);
	ck_assert_uint_eq(table.n, 2);
	ck_assert_int_eq(note(3, TAKEN_OPENED, 10 * TAKEN_MS), TAKEN_NOT);
	ck_assert_uint_eq(table.n, 1); /* what is old is freed */
	taken_fini(&table);
}
END_TEST

START_TEST(visitors_of_one_bucket_are_told_apart)
{
	struct uuid ids[40];

	taken_init(&table);
	for (int i = 0; i < 40; i++) {
		ids[i] = (struct uuid){ { 7, 7, [15] = (uint8_t)i } };
		ck_assert_int_eq(taken_note(&table, &ids[i], TAKEN_OPENED, 1000 + i), TAKEN_NOT);
	}
	for (int i = 0; i < 40; i += 2)
		taken_forget(&table, &ids[i * 7 % 40]);
	for (int i = 0; i < 40; i++)
		ck_assert_int_eq(taken_note(&table, &ids[i], TAKEN_ANNOUNCED, 2000),
		                 i % 2 ? TAKEN_OPENED : TAKEN_NOT);
	ck_assert_uint_eq(table.n, 40);
	taken_fini(&table);
}
END_TEST

START_TEST(no_more_than_so_many_are_remembered)
{
	taken_init(&table);
	for (unsigned i = 0; i < TAKEN_MOST; i++)
		ck_assert_int_eq(note(i, TAKEN_OPENED, 1000), TAKEN_NOT);
	ck_assert_int_eq(note(TAKEN_MOST, TAKEN_OPENED, 1000), TAKEN_UNSURE);
	ck_assert_int_eq(note(5, TAKEN_ANNOUNCED, 1000), TAKEN_OPENED);
	forget(5);
	ck_assert_int_eq(note(TAKEN_MOST, TAKEN_OPENED, 1000), TAKEN_NOT);
	ck_assert_int_eq(note(5, TAKEN_OPENED, 1000), TAKEN_UNSURE);
	ck_assert_int_eq(note(5, TAKEN_OPENED, 1000 + TAKEN_MS), TAKEN_NOT);
	ck_assert_uint_eq(table.n, 1);
	taken_fini(&table);
}
END_TEST

enum { THREADS = 3, VISITORS = 3000 };

static atomic_uint n_new;

/* Every thread hears of every visitor. */
static void *note_all(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < VISITORS; i++) {
		if (note(i, TAKEN_OPENED, 1000) == TAKEN_NOT)
			atomic_fetch_add(&n_new, 1);
	}
	return NULL;
}

START_TEST(of_many_threads_one_finds_a_visitor_new)
{
	pthread_t threads[THREADS];

	taken_init(&table);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, note_all, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(n_new, VISITORS);
	taken_fini(&table);
}
END_TEST

SUITE("taken", a_visitor_is_new_once_however_it_comes, a_visitor_that_is_forgotten_is_new,
      a_visitor_is_remembered_for_a_time, visitors_of_one_bucket_are_told_apart,
      no_more_than_so_many_are_remembered, of_many_threads_one_finds_a_visitor_new)
