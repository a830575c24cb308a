#include "keep/returns.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "keep/elders.h"
#include "run_until.h"
#include "suite.h"

enum { LOOPS = 2, CONNECTIONS = 100 };

/* The workers' loops are the main loop. */
static struct loop *loops[LOOPS];
static unsigned n_resumed[LOOPS];
static bool is_over;

static void note_connection(void *arg, unsigned index, int fd, const void *said, size_t len)
{
	ck_assert_str_eq(arg, "arg");
	ck_assert_uint_eq(len, 4);
	ck_assert_int_eq(memcmp(said, "said", len), 0);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	close(fd);
	n_resumed[index]++;
}

static void note_end(void *arg)
{
	ck_assert_str_eq(arg, "arg");
	is_over = true;
}

static bool has_all(void *unused)
{
	(void)unused;
	return n_resumed[0] + n_resumed[1] == CONNECTIONS;
}

static bool has_ended(void *unused)
{
	(void)unused;
	return is_over;
}

START_TEST(workers_take_their_turns)
{
	static char arg[] = "arg";
	struct returns returns = { .main_loop = run_until_loop(),
		                   .loops = loops,
		                   .n_loops = LOOPS,
		                   .resume = note_connection,
		                   .on_end = note_end,
		                   .arg = arg };
	struct elders elders = { .n_open = 0 };
	int elder, younger;

	returns_close(&returns);
	loops[0] = loops[1] = returns.main_loop;
	ck_assert(elders_pair(&elder, &younger));
	elders_open(&elders, returns.main_loop, &younger, 1);
	returns_open(&returns, elder);
	for (int i = 0; i < CONNECTIONS; i++)
		ck_assert_int_eq(elders_send(&elders, STDERR_FILENO, "said", 4), ELDERS_SENT);
	ck_assert(run_until(returns.main_loop, has_all, NULL));
	for (int i = 0; i < LOOPS; i++)
		ck_assert_uint_eq(n_resumed[i], CONNECTIONS / LOOPS);
	ck_assert(!is_over);
	elders_close(&elders);
	ck_assert(run_until(returns.main_loop, has_ended, NULL));
	ck_assert(!returns.is_open);
	returns_close(&returns);
}
END_TEST

/* A worker's loop, which the test runs when it likes. */
static unsigned n_late;

static void note_late(void *unused, unsigned index, int fd, const void *said, size_t len)
{
	(void)unused;
	(void)index;
	(void)said;
	(void)len;
	close(fd);
	n_late++;
}

static bool is_paused(void *returns)
{
	return ev_is_active(&((struct returns *)returns)->pause);
}

static bool has_read_the_rest(void *returns)
{
	return !is_paused(returns) && atomic_load(&((struct returns *)returns)->waiting) == 0;
}

START_TEST(a_worker_that_hangs_gets_no_more)
{
	enum { MOST = 256 };
	struct err err;
	struct loop *worker = loop_new(1, &err);
	struct returns returns = {
		.main_loop = run_until_loop(), .loops = &worker, .n_loops = 1, .resume = note_late
	};
	struct elders elders = { .n_open = 0 };
	enum elders_result result = ELDERS_SENT;
	int elder, younger;
	unsigned n = 0;

	ck_assert(elders_pair(&elder, &younger));
	elders_open(&elders, returns.main_loop, &younger, 1);
	returns_open(&returns, elder);
	while (!is_paused(&returns)) {
		ck_assert_int_eq(elders_send(&elders, STDERR_FILENO, "said", 4), ELDERS_SENT);
		n++;
		run_for(returns.main_loop, 1);
	}
	ck_assert_uint_eq(atomic_load(&returns.waiting), MOST);
	while ((result = elders_send(&elders, STDERR_FILENO, "said", 4)) == ELDERS_SENT)
		n++;
	ck_assert_int_eq(result, ELDERS_BUSY);
	run_for(returns.main_loop, 120);
	ck_assert_uint_eq(atomic_load(&returns.waiting), MOST);
	while (n_late < n) {
		run_for(worker, 1);
		run_for(returns.main_loop, 1);
	}
	ck_assert(run_until(returns.main_loop, has_read_the_rest, &returns));
	ck_assert_uint_eq(n_late, n);
	returns_close(&returns);
	elders_close(&elders);
	loop_free(worker);
	loop_free(returns.main_loop);
}
END_TEST

SUITE("returns", workers_take_their_turns, a_worker_that_hangs_gets_no_more)
