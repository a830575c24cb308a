#include "log/crash.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log.h"
#include "suite.h"
#include "thread/guest.h"
#include "thread/thread.h"

/* Raises only signals that no sanitizer handles; tests/sdk raises the others. */
enum { THREADS = 8 };

/* Runs it in a child process. Returns the child's status and its standard error. */
static int run_child(void (*child)(void), char *said, size_t size)
{
	size_t len = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		child();
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], said + len, size - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void abort_while_logging(void)
{
	crash_catch();
	log_start(LOG_INFO, LOG_FORMAT_TEXT);
	for (int i = 0; i < 500; i++)
		log_info("before", log_int("n", i));
	guest_enter("staff", "verify");
	raise(SIGABRT);
}

START_TEST(all_that_waits_is_written_then_the_line)
{
	char said[65536], expected[64];
	int status = run_child(abort_while_logging, said, sizeof said);
	const char *at = said;

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
	for (int i = 0; i < 500; i++) {
		snprintf(expected, sizeof expected, "info  before n=%d\n", i);
		at = strstr(at, expected);
		ck_assert_msg(at != NULL, "there is no \"%s\"", expected);
	}
	ck_assert_str_eq(strchr(at, '\n') + 26,
	                 "error crashed signal=ABRT thread=unknown plugin=staff\n");
}
END_TEST

static atomic_uint waiting;

static void *crash_together(void *unused)
{
	(void)unused;
	log_info("here", log_int("n", 1));
	atomic_fetch_add(&waiting, 1);
	while (atomic_load(&waiting) < THREADS)
		;
	raise(SIGILL);
	return NULL;
}

static void crash_in_many_threads(void)
{
	pthread_t threads[THREADS];

	crash_catch();
	log_start(LOG_INFO, LOG_FORMAT_TEXT);
	for (int i = 0; i < THREADS; i++)
		thread_start(&threads[i], "some", crash_together, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

START_TEST(many_faults_at_once_are_one)
{
	char said[65536];
	int status = run_child(crash_in_many_threads, said, sizeof said);

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGILL);
	ck_assert_uint_eq(count(said, "info  here n=1\n"), THREADS);
	ck_assert_uint_eq(count(said, "error crashed signal=ILL thread=some\n"), 1);
}
END_TEST

/* The process ends although nobody reads the pipe. */
static void crash_into_a_full_pipe(void)
{
	static const char zeroes[4096];
	int ends[2];

	crash_catch();
	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	fcntl(STDERR_FILENO, F_SETFL, O_WRONLY | O_NONBLOCK);
	while (write(STDERR_FILENO, zeroes, sizeof zeroes) > 0)
		;
	fcntl(STDERR_FILENO, F_SETFL, O_WRONLY);
	log_start(LOG_INFO, LOG_FORMAT_TEXT);
	log_info("lost", log_int("n", 1));
	raise(SIGABRT);
}

START_TEST(a_stalled_reader_holds_no_crash_up)
{
	char said[64];
	int status = run_child(crash_into_a_full_pipe, said, sizeof said);

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
}
END_TEST

static void crash_before_the_log_starts(void)
{
	crash_catch();
	raise(SIGILL);
}

START_TEST(without_a_writer_the_line_comes_too)
{
	char said[256];
	int status = run_child(crash_before_the_log_starts, said, sizeof said);

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGILL);
	ck_assert_str_eq(said + 25, "error crashed signal=ILL thread=unknown\n");
}
END_TEST

SUITE("crash", all_that_waits_is_written_then_the_line, many_faults_at_once_are_one,
      a_stalled_reader_holds_no_crash_up, without_a_writer_the_line_comes_too)
