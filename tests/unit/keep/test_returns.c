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

SUITE("returns", workers_take_their_turns)
