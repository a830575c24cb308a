#include "log/output.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

/* Makes descriptor 2 the write end of a pipe; returns the read end. */
static int redirect_to_pipe(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return ends[0];
}

static void redirect_to_file(char path[])
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
}

static void check_read(int fd, const char *expected)
{
	char said[256] = "";

	ck_assert_int_eq(read(fd, said, sizeof said - 1), (ssize_t)strlen(expected));
	ck_assert_str_eq(said, expected);
}

static size_t write_batch(struct output *output, const char *lines, bool *failed_out)
{
	char batch[1 + 256];

	strcpy(batch + 1, lines);
	return output_write_batch(output, batch, strlen(lines), failed_out);
}

static void fill_pipe(int fd)
{
	static const char zeroes[4096];
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while (write(fd, zeroes, sizeof zeroes) > 0)
		;
	fcntl(fd, F_SETFL, flags);
}

START_TEST(a_pipe_is_opened_again_and_stays_blocking_for_others)
{
	struct output output = { .fd = STDERR_FILENO };
	int end = redirect_to_pipe();
	bool failed;

	output_open(&output);
	ck_assert_int_ne(output.fd, STDERR_FILENO);
	ck_assert_int_ne(fcntl(output.fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_uint_eq(write_batch(&output, "one\ntwo\n", &failed), 8);
	ck_assert(!failed);
	check_read(end, "one\ntwo\n");
	output_close(&output);
	ck_assert_int_eq(output.fd, STDERR_FILENO);
	ck_assert(output_write_line(&output, "three\n", 6, clock_ms() + 1000));
	check_read(end, "three\n");
}
END_TEST

START_TEST(a_file_is_appended_to)
{
	char path[] = "/tmp/spore-output-XXXXXX";
	struct output output = { .fd = STDERR_FILENO };
	bool failed;
	int fd;

	redirect_to_file(path);
	output_open(&output);
	ck_assert_int_eq(output.fd, STDERR_FILENO);
	ck_assert_uint_eq(write_batch(&output, "before\n", &failed), 7);
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_uint_eq(write_batch(&output, "after\n", &failed), 6);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check_read(fd, "after\n");
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(a_torn_line_is_ended_before_the_next)
{
	char path[] = "/tmp/spore-output-XXXXXX";
	struct output output = { .fd = STDERR_FILENO };
	struct rlimit limit = { 6, RLIM_INFINITY };
	bool failed;
	int fd;

	redirect_to_file(path);
	output_open(&output);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_uint_eq(write_batch(&output, "one\ntwo\n", &failed), 6);
	ck_assert(failed);
	ck_assert(output.torn);
	ck_assert_uint_eq(write_batch(&output, "three\n", &failed), 0);
	ck_assert(failed);
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_uint_eq(write_batch(&output, "four\n", &failed), 5);
	ck_assert(!failed && !output.torn);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check_read(fd, "one\ntw\nfour\n");
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(without_a_reader_it_fails_at_once)
{
	struct output output = { .fd = STDERR_FILENO };
	int end = redirect_to_pipe();
	bool failed;

	output_open(&output);
	close(end);
	ck_assert_uint_eq(write_batch(&output, "lost\n", &failed), 0);
	ck_assert(failed);
	ck_assert(!output.torn);
}
END_TEST

START_TEST(the_deadline_ends_a_write_that_waits)
{
	struct output output = { .fd = STDERR_FILENO };
	int64_t start = clock_ms();
	bool failed;

	redirect_to_pipe();
	output_open(&output);
	fill_pipe(STDERR_FILENO);
	ck_assert(!output_is_late(&output));
	output_set_deadline(&output, start + 50);
	ck_assert_uint_eq(write_batch(&output, "waits\n", &failed), 0);
	ck_assert(!failed);
	ck_assert(output_is_late(&output));
	ck_assert_int_ge(clock_ms() - start, 50);
	output_set_deadline(&output, 0);
	ck_assert(!output_is_late(&output));
	ck_assert(!output_write_line(&output, "waits\n", 6, clock_ms() + 50));
}
END_TEST

static void *write_one(void *arg)
{
	bool failed;

	write_batch(arg, "waits\n", &failed);
	return NULL;
}

START_TEST(another_thread_can_end_a_write)
{
	struct output output = { .fd = STDERR_FILENO };
	pthread_t writer;

	redirect_to_pipe();
	output_open(&output);
	fill_pipe(STDERR_FILENO);
	ck_assert_int_eq(pthread_create(&writer, NULL, write_one, &output), 0);
	poll(NULL, 0, 20);
	output_set_deadline(&output, 1);
	pthread_join(writer, NULL); /* the suite's time limit is the assertion */
}
END_TEST

SUITE("output", a_pipe_is_opened_again_and_stays_blocking_for_others, a_file_is_appended_to,
      a_torn_line_is_ended_before_the_next, without_a_reader_it_fails_at_once,
      the_deadline_ends_a_write_that_waits, another_thread_can_end_a_write)
