#include "secret/output.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

enum { MOST_MS = 20000, ROOM = 100 };

static struct err err;
static char text[ROOM + 1];

/* What this line of the shell prints; NULL: it has failed, and err says why. */
static const char *print_within(const char *line, int most_ms)
{
	const char *argv[] = { "sh", "-c", line, NULL };
	ssize_t n;

	err.text[0] = '\0';
	n = output_read((char *const *)argv, most_ms, text, ROOM, &err);
	ck_assert_int_eq(n < 0, err.text[0] != '\0');
	text[n < 0 ? 0 : n] = '\0';
	return n < 0 ? NULL : text;
}

static const char *print(const char *line)
{
	return print_within(line, MOST_MS);
}

static void fails(const char *line, const char *expected)
{
	ck_assert_ptr_null(print(line));
	ck_assert_str_eq(err.text, expected);
}

START_TEST(what_a_program_prints)
{
	ck_assert_str_eq(print("echo secret"), "secret\n");
	ck_assert_str_eq(print("true"), "");
	ck_assert_str_eq(print("printf a; sleep 0.1; printf b; echo warning >&2"), "ab");
	ck_assert_str_eq(print("head -c 100 /dev/zero | tr '\\0' x") + 99, "x");
}
END_TEST

START_TEST(a_program_that_fails)
{
	const char *const nowhere[] = { "/nowhere/program", NULL };

	fails("echo secret; exit 3", "sh has ended with status 3");
	fails("echo secret; echo 'no such key' >&2; echo more >&2; exit 1",
	      "sh has ended with status 1: no such key");
	fails("kill -KILL $$", "sh was ended by signal 9");
	fails("head -c 101 /dev/zero", "sh prints more than 100 bytes");
	ck_assert_int_eq(output_read((char *const *)nowhere, MOST_MS, text, ROOM, &err), -1);
	ck_assert_str_eq(err.text, "cannot run /nowhere/program: No such file or directory");
}
END_TEST

START_TEST(complaints_may_be_long)
{
	ck_assert_str_eq(print("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo secret"),
	                 "secret\n");
	ck_assert_ptr_null(print("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1"));
	ck_assert_uint_eq(strlen(err.text), strlen("sh has ended with status 1: ") + 200);
}
END_TEST

/* The pid that the program printed is of a process that is gone. */
static bool is_gone(const char *path)
{
	FILE *file = fopen(path, "r");
	int pid = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
	fclose(file);
	for (int64_t until = clock_ms() + MOST_MS; clock_ms() < until; usleep(1000)) {
		if (kill(pid, 0) < 0)
			return true;
	}
	return false;
}

START_TEST(a_program_that_takes_too_long_is_ended_with_its_children)
{
	char path[] = "/tmp/spore-unit-output-XXXXXX", line[128];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(line, sizeof line, "sleep 3600 & echo $! > %s; wait", path);
	ck_assert_ptr_null(print_within(line, 1000));
	ck_assert_str_eq(err.text, "sh has not ended within 1 s");
	ck_assert(is_gone(path));
	/* It may also close its output and stay. */
	snprintf(line, sizeof line, "echo $$ > %s; exec >&- 2>&-; sleep 3600", path);
	ck_assert_ptr_null(print_within(line, 1000));
	ck_assert_str_eq(err.text, "sh has not ended within 1 s");
	ck_assert(is_gone(path));
	unlink(path);
}
END_TEST

START_TEST(a_program_does_not_outlive_its_caller)
{
	char path[] = "/tmp/spore-unit-output-XXXXXX", line[128];
	int fd = mkstemp(path), status;
	struct stat st = { 0 };
	pid_t caller;

	ck_assert_int_ge(fd, 0);
	snprintf(line, sizeof line, "echo $$ > %s; exec sleep 3600", path);
	caller = fork();
	if (caller == 0) {
		print_within(line, 3600 * 1000);
		_exit(0);
	}
	while (st.st_size == 0 && usleep(1000) == 0)
		ck_assert_int_eq(fstat(fd, &st), 0);
	close(fd);
	kill(caller, SIGKILL);
	ck_assert_int_eq(waitpid(caller, &status, 0), caller);
	ck_assert(is_gone(path));
	unlink(path);
}
END_TEST

START_TEST(a_program_has_nothing_to_read_and_no_blocked_signal)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	ck_assert_str_eq(print("cat; echo end"), "end\n");
	ck_assert_str_eq(print("(kill -TERM 0; sleep 3600) & wait; echo unreached") ? "" : err.text,
	                 "sh was ended by signal 15");
}
END_TEST

SUITE("output", what_a_program_prints, a_program_that_fails, complaints_may_be_long,
      a_program_that_takes_too_long_is_ended_with_its_children,
      a_program_does_not_outlive_its_caller, a_program_has_nothing_to_read_and_no_blocked_signal)
