#include "keep/keeper.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keep/kept_ports.h"
#include "loop/loop.h"
#include "suite.h"

static char told[256];

static void note_keep(void *arg, int fd, const char *name)
{
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	snprintf(told + strlen(told), sizeof told - strlen(told), "%s%s kept", (const char *)arg,
	         name);
}

static void note_drop(void *arg, const char *name)
{
	snprintf(told, sizeof told, "%s%s dropped", (const char *)arg, name);
}

static struct keeper new_keeper(void)
{
	struct err err;
	static char arg[] = "> ";

	return (struct keeper){
		.main_loop = loop_new(0, &err), .keep = note_keep, .drop = note_drop, .arg = arg
	};
}

START_TEST(main_is_asked)
{
	struct keeper keeper = new_keeper();
	struct sockets sockets = { 2, { dup(STDERR_FILENO), dup(STDERR_FILENO) } };

	ck_assert(keeper_keep(&keeper, &(struct sockets){ 2, { sockets.fds[0], sockets.fds[1] } },
	                      "tunnel-1-abc"));
	ck_assert_str_eq(told, "");
	loop_finish(keeper.main_loop);
	ck_assert_str_eq(told, "> tunnel-1-abc kept> tunnel-1-abc kept");
	for (int i = 0; i < 2; i++)
		ck_assert_int_lt(fcntl(sockets.fds[i], F_GETFD), 0);
	keeper_drop(&keeper, "tunnel-1-abc");
	loop_finish(keeper.main_loop);
	ck_assert_str_eq(told, "> tunnel-1-abc dropped");
	loop_free(keeper.main_loop);
}
END_TEST

/* All sockets of a port are kept, or none is. */
START_TEST(a_manager_keeps_so_many)
{
	struct keeper keeper = new_keeper();
	struct sockets sockets = { 2, { dup(STDERR_FILENO), dup(STDERR_FILENO) } };

	atomic_store(&keeper.n, KEPT_PORTS_MOST - 1);
	ck_assert(!keeper_keep(&keeper, &(struct sockets){ 2, { sockets.fds[0], sockets.fds[1] } },
	                       "tunnel-1-abc"));
	ck_assert_uint_eq(atomic_load(&keeper.n), KEPT_PORTS_MOST - 1);
	for (int i = 0; i < 2; i++)
		ck_assert_int_lt(fcntl(sockets.fds[i], F_GETFD), 0);
	loop_finish(keeper.main_loop);
	ck_assert_str_eq(told, "");
	loop_free(keeper.main_loop);
}
END_TEST

START_TEST(it_opens_anew)
{
	struct keeper keeper = { .n = 5 };

	ck_assert(!keeper_is_open(&keeper));
	keeper_open(&keeper, true);
	ck_assert(keeper_is_open(&keeper));
	ck_assert_uint_eq(atomic_load(&keeper.n), 0);
	keeper_open(&keeper, false);
	ck_assert(!keeper_is_open(&keeper));
}
END_TEST

SUITE("keeper", main_is_asked, a_manager_keeps_so_many, it_opens_anew)
