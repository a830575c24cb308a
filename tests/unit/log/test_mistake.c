#include "log/mistake.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "suite.h"
#include "thread/guest.h"

static int log_fd;

static void catch_log(void)
{
	log_fd = memfd_create("log", MFD_CLOEXEC);
	/* Otherwise two threads may write to the same offset. */
	ck_assert_int_eq(fcntl(log_fd, F_SETFL, O_APPEND), 0);
	ck_assert_int_eq(dup2(log_fd, STDERR_FILENO), STDERR_FILENO);
}

/* The number of lines with the text. */
static unsigned count(const char *text)
{
	static char lines[64 * 1024];
	ssize_t len = pread(log_fd, lines, sizeof lines - 1, 0);
	unsigned n = 0;

	ck_assert_int_ge(len, 0);
	lines[len] = '\0';
	for (const char *at = lines; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

START_TEST(it_names_the_plugin_the_call_and_the_argument)
{
	catch_log();
	ck_assert_int_eq(mistake("door", "io_start", "fd is not open"), SPORE_EINVAL);
	ck_assert_uint_eq(count("warn  plugin passed a bad argument plugin=door call=io_start "
	                        "argument=\"fd is not open\""),
	                  1);
}
END_TEST

START_TEST(it_finds_the_plugin_whose_code_runs)
{
	catch_log();
	guest_enter("inner", "verify");
	mistake(NULL, "random", "buf is NULL");
	guest_leave();
	mistake(NULL, "random", "buf is NULL");
	ck_assert_uint_eq(count("plugin=inner call=random"), 1);
	ck_assert_uint_eq(count("plugin=unknown call=random"), 1);
}
END_TEST

START_TEST(repetitions_do_not_flood_the_log)
{
	catch_log();
	for (int i = 0; i < 1000; i++) {
		mistake("door", "post", "fn is NULL");
		mistake("gate", "post", "fn is NULL");
	}
	ck_assert_uint_eq(count("plugin=door"), 1);
	ck_assert_uint_eq(count("plugin=gate"), 1);
}
END_TEST

/* Not even a plugin that finds a new mistake each time. */
START_TEST(many_kinds_do_not_flood_the_log)
{
	static char calls[1000][2] = { "a" };

	catch_log();
	for (int i = 0; i < 1000; i++)
		mistake("door", calls[i], "x");
	ck_assert_uint_gt(count("plugin=door"), 10);
	ck_assert_uint_le(count("plugin=door"), 256);
}
END_TEST

static void *make_mistakes(void *name)
{
	for (int i = 0; i < 1000; i++)
		mistake(name, "post", "fn is NULL");
	return NULL;
}

START_TEST(threads_may_make_mistakes_at_once)
{
	static char names[4][2] = { "a", "b", "c", "d" };
	pthread_t threads[4];

	catch_log();
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, make_mistakes, names[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(count("bad argument"), 4);
}
END_TEST

SUITE("mistake", it_names_the_plugin_the_call_and_the_argument, it_finds_the_plugin_whose_code_runs,
      repetitions_do_not_flood_the_log, many_kinds_do_not_flood_the_log,
      threads_may_make_mistakes_at_once)
