#include "log/ring.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

enum { SIZE = 64 * 1024, MANY = 20000 };

/* Empty at the start of each test, which has a process of its own. Rings are never freed. */
static struct ring_list list;

static void put(struct ring *ring, const char *line)
{
	ck_assert(ring_put(ring, line, strlen(line)));
}

static void check_peek(const struct ring *ring, size_t size, const char *expected)
{
	char out[256];
	size_t len = ring_peek(ring, out, size);

	ck_assert_uint_eq(len, strlen(expected));
	ck_assert_int_eq(memcmp(out, expected, len), 0);
}

START_TEST(lines_come_out_in_order)
{
	struct ring *ring = ring_take(&list);

	ck_assert_uint_eq(ring_length(ring), 0);
	check_peek(ring, 100, "");
	put(ring, "one\n");
	put(ring, "two\n");
	ck_assert_uint_eq(ring_length(ring), 8);
	check_peek(ring, 100, "one\ntwo\n");
	ring_skip(ring, 4);
	check_peek(ring, 100, "two\n");
	ring_skip(ring, 4);
	ck_assert_uint_eq(ring_length(ring), 0);
}
END_TEST

START_TEST(only_whole_lines_are_copied)
{
	struct ring *ring = ring_take(&list);

	put(ring, "one\n");
	put(ring, "two\n");
	check_peek(ring, 7, "one\n");
	check_peek(ring, 4, "one\n");
	check_peek(ring, 8, "one\ntwo\n");
	ring_skip(ring, 1); /* a write was cut within the line */
	check_peek(ring, 6, "ne\n");
}
END_TEST

START_TEST(a_full_ring_takes_nothing_more)
{
	struct ring *ring = ring_take(&list);
	char line[1000];

	memset(line, 'x', sizeof line);
	line[sizeof line - 1] = '\n';
	for (int i = 0; i < SIZE / 1000; i++)
		ck_assert(ring_put(ring, line, sizeof line));
	ck_assert(!ring_put(ring, line, SIZE % 1000 + 1));
	ck_assert(ring_put(ring, line + sizeof line - SIZE % 1000, SIZE % 1000));
	ck_assert_uint_eq(ring_length(ring), SIZE);
	ck_assert(!ring_put(ring, "\n", 1));
	ring_skip(ring, 1);
	ck_assert(ring_put(ring, "\n", 1));
}
END_TEST

START_TEST(lines_cross_the_end_of_the_memory)
{
	struct ring *ring = ring_take(&list);
	char line[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(line, sizeof line, "line %d of many\n", i);
		put(ring, line);
		check_peek(ring, 100, line);
		ring_skip(ring, strlen(line));
	}
}
END_TEST

START_TEST(a_released_ring_is_taken_again_with_its_lines)
{
	struct ring *one = ring_take(&list), *two = ring_take(&list);

	ck_assert_ptr_ne(one, two);
	ck_assert_ptr_eq(atomic_load(&list.first), two);
	ck_assert_ptr_eq(ring_next(two), one);
	ck_assert_ptr_null(ring_next(one));
	put(one, "late\n");
	ring_release(one);
	ck_assert_ptr_eq(ring_take(&list), one);
	check_peek(one, 100, "late\n");
	ck_assert_ptr_ne(ring_take(&list), one);
}
END_TEST

static void *put_many(void *arg)
{
	char line[32];

	for (int i = 0; i < MANY; i++) {
		int len = snprintf(line, sizeof line, "%d\n", i);

		while (!ring_put(arg, line, (size_t)len))
			sched_yield();
	}
	return NULL;
}

START_TEST(two_threads_lose_nothing)
{
	struct ring *ring = ring_take(&list);
	char out[128], line[32];
	pthread_t producer;
	int next = 0;

	ck_assert_int_eq(pthread_create(&producer, NULL, put_many, ring), 0);
	while (next < MANY) {
		size_t len = ring_peek(ring, out, sizeof out), at = 0;

		if (len == 0)
			sched_yield();
		while (at < len) {
			size_t n = (size_t)snprintf(line, sizeof line, "%d\n", next++);

			ck_assert_uint_le(at + n, len);
			ck_assert_int_eq(memcmp(out + at, line, n), 0);
			at += n;
		}
		ring_skip(ring, len);
	}
	pthread_join(producer, NULL);
	ck_assert_uint_eq(ring_length(ring), 0);
}
END_TEST

SUITE("ring", lines_come_out_in_order, only_whole_lines_are_copied, a_full_ring_takes_nothing_more,
      lines_cross_the_end_of_the_memory, a_released_ring_is_taken_again_with_its_lines,
      two_threads_lose_nothing)
