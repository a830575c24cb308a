#include "log/log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "refuse.h"
#include "stderr_file.h"
#include "suite.h"

enum { THREADS = 4, ROUNDS = 3, LINES = 2000 };

/* Makes descriptor 2 the write end of a pipe; returns the read end. */
static int redirect_stderr(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

/* Fills the pipe with zeros; returns how many it took. */
static size_t fill_stderr(void)
{
	static const char zeroes[4096];
	int flags = fcntl(STDERR_FILENO, F_GETFL);
	size_t all = 0;

	fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	for (size_t step = sizeof zeroes; step > 0; step /= 2) {
		for (ssize_t n; (n = write(STDERR_FILENO, zeroes, step)) > 0;)
			all += (size_t)n;
	}
	fcntl(STDERR_FILENO, F_SETFL, flags);
	return all;
}

static void *log_many(void *arg)
{
	int thread = *(int *)arg;

	for (int i = 0; i < LINES; i++)
		log_info("line", log_int("thread", thread), log_int("number", i),
		         log_str("fill", "abcdefghijklmnopqrstuvwxyz"));
	return NULL;
}

/* Reads lines up to the end of the pipe; checks that each is whole and in its thread's order. */
struct tally {
	int fd;
	unsigned lines, last[ROUNDS * THREADS];
	atomic_ulong dropped;
};

static void check_line(struct tally *tally, const char *line)
{
	const char *event = strstr(line, "Z info  line thread="),
		   *drops = strstr(line, "dropped lines=");
	unsigned thread, number;
	int end = -1;

	if (!event) {
		ck_assert_msg(drops != NULL, "%s", line);
		tally->dropped += strtoul(drops + 14, NULL, 10);
		return;
	}
	ck_assert_msg(sscanf(event,
	                     "Z info  line thread=%u number=%u fill=abcdefghijklmnopqrstuvwxyz%n",
	                     &thread, &number, &end) == 2 &&
	                      end > 0 && !event[end],
	              "%s", line);
	ck_assert_uint_lt(thread, ROUNDS * THREADS);
	ck_assert_uint_ge(number + 1, tally->last[thread]);
	tally->last[thread] = number + 1;
	tally->lines++;
}

static void *read_lines(void *arg)
{
	struct tally *tally = arg;
	FILE *file = fdopen(tally->fd, "r");
	char line[4096];

	while (fgets(line, sizeof line, file)) {
		ck_assert(strchr(line, '\n') != NULL);
		*strchr(line, '\n') = '\0';
		check_line(tally, line);
	}
	fclose(file);
	return NULL;
}

static void run_threads(int round)
{
	pthread_t threads[THREADS];
	int numbers[THREADS];

	for (int i = 0; i < THREADS; i++) {
		numbers[i] = round * THREADS + i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, log_many, &numbers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

START_TEST(every_line_of_every_thread_is_whole)
{
	struct tally tally = { .fd = redirect_stderr() };
	pthread_t reader;
	uint64_t dropped;

	ck_assert_int_eq(pthread_create(&reader, NULL, read_lines, &tally), 0);
	ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
	for (int round = 0; round < ROUNDS; round++)
		run_threads(round);
	dropped = log_dropped();
	log_stop();
	close(STDERR_FILENO);
	pthread_join(reader, NULL);
	ck_assert_uint_eq(tally.lines + dropped, ROUNDS * THREADS * LINES);
}
END_TEST

static void skip(int fd, size_t n)
{
	char bytes[4096];

	while (n > 0) {
		ssize_t got = read(fd, bytes, n < sizeof bytes ? n : sizeof bytes);

		ck_assert_int_gt(got, 0);
		n -= (size_t)got;
	}
}

/* The rings fill up, no caller blocks, and a later line says how many were lost. */
START_TEST(a_stalled_reader_costs_lines_not_time)
{
	struct tally tally = { .fd = redirect_stderr() };
	size_t filled = fill_stderr();
	int64_t start = clock_ms();
	pthread_t reader;
	uint64_t dropped;

	ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
	run_threads(0);
	ck_assert_int_lt(clock_ms() - start, 10000);
	dropped = log_dropped();
	ck_assert_uint_gt(dropped, 0);
	ck_assert_uint_lt(dropped, THREADS * LINES);
	skip(tally.fd, filled);
	ck_assert_int_eq(pthread_create(&reader, NULL, read_lines, &tally), 0);
	while (tally.dropped == 0 && clock_ms() - start < 20000)
		poll(NULL, 0, 10);
	ck_assert_uint_eq(tally.dropped, dropped);
	log_stop();
	close(STDERR_FILENO);
	pthread_join(reader, NULL);
	ck_assert_uint_eq(tally.lines + dropped, THREADS * LINES);
}
END_TEST

START_TEST(stopping_with_a_stalled_reader_takes_a_second)
{
	int fd = redirect_stderr();
	int64_t start;
	int number = 0;

	fill_stderr();
	ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
	log_many(&number); /* more than a ring holds */
	ck_assert_uint_gt(log_dropped(), 0);
	start = clock_ms();
	log_stop();
	ck_assert_int_lt(clock_ms() - start, 2000); /* a second, and some slack */
	close(fd);
}
END_TEST

START_TEST(a_reader_that_is_gone_harms_nobody)
{
	int64_t start = clock_ms();

	close(redirect_stderr());
	ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
	run_threads(0);
	log_stop();
	ck_assert_int_lt(clock_ms() - start, 10000);
}
END_TEST

static void wait_for_line(FILE *file, const char *text)
{
	char line[4096];

	do
		ck_assert_msg(fgets(line, sizeof line, file) != NULL, "waited for \"%s\"", text);
	while (!strstr(line, text));
}

static FILE *open_reader(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK); /* does not wait for a writer */

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	return fdopen(fd, "r");
}

/* The program that reads a named pipe is restarted. Lines are lost and counted until then. */
START_TEST(lines_that_a_dead_reader_lost_are_told_to_the_next)
{
	char path[64];
	FILE *reader;
	int fd;

	snprintf(path, sizeof path, "/tmp/spore-unit-log-%d", getpid());
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	reader = open_reader(path);
	fd = open(path, O_WRONLY);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
	ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
	log_info("first", log_int("n", 1));
	wait_for_line(reader, "first n=1");
	fclose(reader);
	for (int i = 0; i < 3; i++)
		log_info("lost", log_int("n", i));
	while (log_dropped() < 3)
		poll(NULL, 0, 1);
	reader = open_reader(path);
	log_info("second", log_int("n", 2));
	wait_for_line(reader, "warn  log lines dropped lines=3\n");
	log_stop();
	ck_assert_uint_eq(log_dropped(), 3);
	fclose(reader);
	unlink(path);
}
END_TEST

/* Makes descriptor 2 an unlinked file, opened without O_APPEND, as by `2>log`. */
static FILE *redirect_to_file(void)
{
	FILE *file = tmpfile();

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
	return file;
}

static void wait_for_size(FILE *file, off_t least)
{
	struct stat st;

	while (fstat(fileno(file), &st) == 0 && st.st_size < least)
		poll(NULL, 0, 1);
}

/* As by logrotate's copytruncate. Without O_APPEND the file would start with a hole. */
START_TEST(a_file_that_is_cut_short_goes_on_at_its_start)
{
	FILE *file = redirect_to_file();
	char line[256];

	ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
	log_info("before", log_int("n", 1));
	wait_for_size(file, 1);
	ck_assert_int_eq(ftruncate(fileno(file), 0), 0);
	log_info("behind", log_int("n", 2));
	log_stop();
	rewind(file);
	ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
	ck_assert_ptr_nonnull(strstr(line, "info  behind n=2\n"));
	ck_assert_ptr_null(fgets(line, sizeof line, file));
	fclose(file);
}
END_TEST

/* The disk becomes full within a line, and later has room again. */
START_TEST(a_line_that_was_torn_is_ended_before_the_next)
{
	struct rlimit small = { 60, RLIM_INFINITY }, large = { RLIM_INFINITY, RLIM_INFINITY };
	FILE *file = redirect_to_file();
	char line[256];

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
	log_info("whole", log_int("n", 1));
	log_info("torn", log_str("why", "there is no room for this"));
	while (log_dropped() < 1)
		poll(NULL, 0, 1);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &large), 0);
	log_info("next", log_int("n", 3));
	log_stop();
	rewind(file);
	wait_for_line(file, "info  whole n=1\n");
	ck_assert_ptr_nonnull(fgets(line, sizeof line, file)); /* a part of the torn line */
	ck_assert_ptr_null(strstr(line, "next"));
	wait_for_line(file, "Z info  next n=3\n");
	wait_for_line(file, "Z warn  log lines dropped lines=1\n");
	fclose(file);
}
END_TEST

/* Control-S on a terminal: unlike on a pipe, a large write may block after it has begun. */
START_TEST(a_terminal_that_stopped_holds_nobody_up)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, number = 0;
	int64_t start = clock_ms();

	ck_assert_int_eq(grantpt(master) | unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(slave, 0);
	ck_assert_int_eq(dup2(slave, STDERR_FILENO), STDERR_FILENO);
	ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
	for (int i = 0; i < 3; i++)
		log_many(&number); /* more than fits into the terminal and the ring */
	ck_assert_uint_gt(log_dropped(), 0);
	log_stop();
	ck_assert_int_lt(clock_ms() - start, 10000);
	close(master);
}
END_TEST

START_TEST(no_standard_error_at_all_harms_nobody)
{
	int number = 0;

	close(STDERR_FILENO);
	log_info("before", log_int("n", 1));
	ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
	log_many(&number);
	log_stop();
	log_info("after", log_int("n", 1));
}
END_TEST

static size_t read_some(int fd, char *out, size_t size)
{
	ssize_t n;

	close(STDERR_FILENO);
	n = read(fd, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

START_TEST(before_the_start_and_after_the_stop_lines_are_written_at_once)
{
	int fd = redirect_stderr();
	char text[2048];

	log_info("early", log_int("n", 1));
	ck_assert(log_start(LOG_WARN, LOG_FORMAT_JSON));
	log_info("not enabled", log_int("n", 2));
	ck_assert(!log_is_enabled(LOG_INFO));
	ck_assert(log_is_enabled(LOG_ERROR));
	log_stop();
	log_stop();
	log_warn("late", log_int("n", 3));
	read_some(fd, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(text, "info  early n=1\n"));
	ck_assert_ptr_nonnull(strstr(text, "\"event\":\"late\",\"n\":3}\n"));
	ck_assert_ptr_null(strstr(text, "not enabled"));
}
END_TEST

START_TEST(long_after_the_stop_lines_are_written_still)
{
	int fd = redirect_stderr();
	char text[2048];

	ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
	log_stop();
	poll(NULL, 0, 1200);
	log_info("late", log_int("n", 3));
	read_some(fd, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(text, "info  late n=3\n"));
}
END_TEST

/* Without a reader and without a writer thread, the caller still returns. */
START_TEST(a_stalled_reader_before_the_start_is_given_up)
{
	int fd = redirect_stderr();
	int64_t start = clock_ms();

	fill_stderr();
	log_info("early", log_int("n", 1));
	ck_assert_int_lt(clock_ms() - start, 3000);
	close(fd);
}
END_TEST

START_TEST(the_log_can_be_started_again)
{
	int fd = redirect_stderr(), number = 0;
	char text[2048];

	for (int i = 0; i < 3; i++) {
		ck_assert(log_start(LOG_INFO, LOG_FORMAT_TEXT));
		log_info("round", log_int("n", i));
		log_stop();
	}
	ck_assert_uint_gt(read_some(fd, text, sizeof text), 0);
	for (; number < 3; number++) {
		char expected[16];

		snprintf(expected, sizeof expected, "round n=%d\n", number);
		ck_assert_ptr_nonnull(strstr(text, expected));
	}
}
END_TEST

START_TEST(a_start_that_is_refused_has_its_cause_in_errno)
{
	ck_assert(refuse_call(SYS_eventfd2, EPERM));
	ck_assert(!log_start(LOG_INFO, LOG_FORMAT_TEXT));
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

static void *warn_elsewhere(void *unused)
{
	log_warn("elsewhere", log_int("a", 1));
	return unused;
}

/* Those of this thread, whatever is logged. */
START_TEST(warnings_are_copied)
{
	char *text = NULL;
	size_t size = 0;
	FILE *copy = open_memstream(&text, &size);
	pthread_t thread;

	stderr_file_begin();
	log_set_level(LOG_ERROR);
	ck_assert(!log_is_enabled(LOG_WARN));
	log_copy_warnings(copy);
	ck_assert(log_is_enabled(LOG_WARN) && !log_is_enabled(LOG_INFO));
	log_warn("doubt", log_str("plugin", "p\n"));
	log_error("mistake", log_int("a", 2));
	log_info("news", log_int("a", 3));
	ck_assert_int_eq(pthread_create(&thread, NULL, warn_elsewhere, NULL), 0);
	pthread_join(thread, NULL);
	log_copy_warnings(NULL);
	log_warn("later", log_int("a", 4));
	fclose(copy);
	ck_assert_str_eq(text, "doubt plugin=\"p\\x0a\"\nmistake a=2\n");
	ck_assert_uint_eq(stderr_file_lines(), 1);
	free(text);
}
END_TEST

SUITE("log", warnings_are_copied, every_line_of_every_thread_is_whole,
      a_stalled_reader_costs_lines_not_time, stopping_with_a_stalled_reader_takes_a_second,
      a_reader_that_is_gone_harms_nobody, lines_that_a_dead_reader_lost_are_told_to_the_next,
      a_file_that_is_cut_short_goes_on_at_its_start, a_line_that_was_torn_is_ended_before_the_next,
      a_terminal_that_stopped_holds_nobody_up, no_standard_error_at_all_harms_nobody,
      before_the_start_and_after_the_stop_lines_are_written_at_once,
      long_after_the_stop_lines_are_written_still, a_stalled_reader_before_the_start_is_given_up,
      the_log_can_be_started_again, a_start_that_is_refused_has_its_cause_in_errno)
