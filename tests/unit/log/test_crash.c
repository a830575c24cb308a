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

/* The last line, behind its time, begins so. */
static void expect_line(const char *line, const char *expected)
{
	ck_assert_uint_gt(strlen(line), 25);
	ck_assert_msg(strncmp(line + 25, expected, strlen(expected)) == 0, "%s", line);
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
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
	expect_line(strchr(at, '\n') + 1,
	            "error crashed signal=ABRT thread=unknown plugin=staff call=verify backtrace=");
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
	ck_assert_uint_eq(count(said, "error crashed signal=ILL thread=some backtrace="), 1);
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
	expect_line(said, "error crashed signal=ILL thread=unknown backtrace=");
}
END_TEST

/* An array of variable length makes it keep its frame's address in a register, so an unwinder finds
 * its caller by what was saved of that register. */
__attribute__((noinline)) static void keep_frame_pointer(volatile size_t size)
{
	volatile char array[size];

	array[size - 1] = 0;
	array[0] = array[size - 1];
}

/* The caller of this function is, as far as the stack says, in the middle of another one, whose
 * frame cannot be read. A sanitizer would handle a fault itself, so the signal is sent. */
__attribute__((noinline)) static void crash_on_a_broken_stack(void)
{
	void *volatile *frame = __builtin_frame_address(0);

	crash_catch();
	log_start(LOG_INFO, LOG_FORMAT_TEXT);
	keep_frame_pointer(9);
	frame[0] = (void *)(uintptr_t)64;
	frame[1] = (char *)(uintptr_t)keep_frame_pointer + 24;
	raise(SIGABRT);
	for (;;)
		pause();
}

START_TEST(a_broken_stack_does_not_keep_the_line_back)
{
	char said[4096];
	int status = run_child(crash_on_a_broken_stack, said, sizeof said);

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
	expect_line(said, "error crashed signal=ABRT thread=unknown backtrace=");
}
END_TEST

SUITE("crash", all_that_waits_is_written_then_the_line, many_faults_at_once_are_one,
      a_stalled_reader_holds_no_crash_up, without_a_writer_the_line_comes_too,
      a_broken_stack_does_not_keep_the_line_back)
