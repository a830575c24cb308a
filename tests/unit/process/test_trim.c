#include "process/trim.h"

#include <ev.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/call.h"
#include "run_until.h"
#include "suite.h"

enum { PIECES = 20000, PIECE_SIZE = 2048 };

static struct loop *main_loop, *worker;
static struct trim trim;
static void *pieces[PIECES];

/* False: a sanitizer has replaced malloc, so there is nothing that trim could see or release. */
static bool has_glibc_malloc(void)
{
	return mallinfo2().uordblks > 0;
}

static void set_up(void)
{
	struct err err;

	main_loop = run_until_loop();
	worker = loop_new(0, &err);
	ck_assert(loop_start(worker, &err));
	trim = (struct trim){ .main_loop = NULL };
	trim_start(&trim, main_loop, &worker, 1);
}

static void tear_down(void)
{
	trim_stop(&trim);
	ck_assert(!ev_is_active(&trim.look));
	loop_break(worker);
	loop_join(worker);
	loop_finish(worker);
	loop_free(worker);
	loop_free(main_loop);
}

static long resident_kb(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long all = 0, resident = 0;

	ck_assert_int_eq(fscanf(file, "%ld %ld", &all, &resident), 2);
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE) / 1024;
}

static void take_memory(void *unused)
{
	(void)unused;
	for (int i = 0; i < PIECES; i++) {
		pieces[i] = malloc(PIECE_SIZE);
		memset(pieces[i], 1, PIECE_SIZE);
	}
}

/* But the last, which keeps the top of the heap. */
static void free_memory(void *unused)
{
	(void)unused;
	for (int i = 0; i < PIECES - 1; i++)
		free(pieces[i]);
}

static void free_last(void *unused)
{
	(void)unused;
	free(pieces[PIECES - 1]);
}

/* A look now, instead of in some seconds. */
static void look(void)
{
	ev_invoke(loop_ev(main_loop), &trim.look, EV_TIMER);
	loop_settle(worker);
}

START_TEST(what_a_peak_took_is_given_back)
{
	const long taken = (long)PIECES * PIECE_SIZE / 1024;
	long before, peak;

	if (!has_glibc_malloc())
		return;
	set_up();
	before = resident_kb();
	loop_call(worker, take_memory, NULL);
	look();
	peak = resident_kb();
	ck_assert_int_ge(peak, before + taken);
	loop_call(worker, free_memory, NULL);
	look();
	ck_assert_int_lt(resident_kb(), before + taken / 4);
	loop_call(worker, free_last, NULL);
	tear_down();
}
END_TEST

START_TEST(what_is_in_use_is_left_alone)
{
	int64_t used;

	set_up();
	used = trim.used;
	loop_call(worker, take_memory, NULL);
	look();
	ck_assert_int_eq(trim.used, used); /* nothing was released */
	for (int i = 0; i < PIECES; i++)
		ck_assert_int_eq(((char *)pieces[i])[PIECE_SIZE - 1], 1);
	loop_call(worker, free_memory, NULL);
	loop_call(worker, free_last, NULL);
	tear_down();
}
END_TEST

START_TEST(a_release_is_remembered)
{
	int64_t used;

	if (!has_glibc_malloc())
		return;
	set_up();
	loop_call(worker, take_memory, NULL);
	loop_call(worker, free_memory, NULL);
	look();
	used = trim.used;
	ck_assert_int_gt(used, 0);
	look(); /* there is nothing more to release */
	ck_assert_int_eq(trim.used, used);
	loop_call(worker, free_last, NULL);
	tear_down();
}
END_TEST

SUITE("trim", what_a_peak_took_is_given_back, what_is_in_use_is_left_alone, a_release_is_remembered)
