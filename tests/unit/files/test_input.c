#include "files/input.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"
#include "thread/reading.h"

static char folder[] = "/tmp/spore-unit-input-XXXXXX";

static void enter_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void leave_folder(const char *file)
{
	unlink(file);
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(folder);
}

static void check_read(const char *path, const char *expected)
{
	struct input input;
	struct err err = { "" };
	char text[64] = "";

	ck_assert_msg(input_open(&input, path, "/x", &err), "%s", err.text);
	ck_assert_int_eq(input_read(&input, text, sizeof text, &err), (ssize_t)strlen(expected));
	ck_assert_mem_eq(text, expected, strlen(expected));
	input_close(&input);
}

static void check_refused(const char *path, const char *why)
{
	struct input input;
	struct err err = { "" };

	ck_assert(!input_open(&input, path, "/x", &err));
	ck_assert_str_eq(err.text, why);
	input_close(&input);
}

START_TEST(what_is_no_file_is_refused)
{
	struct reading reading;
	int fds[2];
	char path[32];

	check_refused("/nonexistent", "No such file or directory");
	check_refused("/dev/null", "it is a device, expected a file");
	check_refused("/dev/zero", "it is a device, expected a file");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
	check_refused(path, "it is a socket, expected a file");
	ck_assert(!reading_look(&reading));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(a_file_is_named_while_it_is_read)
{
	struct reading reading;
	struct input input;
	struct err err;

	ck_assert(input_open(&input, "/proc/self/stat", "/auth/0/secret/file", &err));
	ck_assert(reading_look(&reading));
	ck_assert_str_eq(reading.path, "/proc/self/stat");
	ck_assert_str_eq(reading.option, "/auth/0/secret/file");
	input_close(&input);
	ck_assert(!reading_look(&reading));
}
END_TEST

static void *write_late(void *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	poll(NULL, 0, 100);
	ck_assert_int_eq(write(fd, "ab", 2), 2);
	poll(NULL, 0, 100);
	ck_assert_int_eq(write(fd, "c", 1), 1);
	close(fd);
	return NULL;
}

START_TEST(a_pipe_is_awaited)
{
	pthread_t writer;
	char path[32];
	int fds[2];

	enter_folder();
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	ck_assert_int_eq(pthread_create(&writer, NULL, write_late, "pipe"), 0);
	check_read("pipe", "abc");
	pthread_join(writer, NULL);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	close(fds[1]);
	snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
	check_read(path, "x");
	close(fds[0]);
	leave_folder("pipe");
}
END_TEST

static void check_given_up(int64_t begin_ms, int64_t end_ms, const char *why)
{
	struct input input;
	struct err err;
	char text[8];

	ck_assert(input_open(&input, "pipe", "/x", &err));
	input.begin_ms -= begin_ms;
	input.end_ms -= end_ms;
	ck_assert_int_eq(input_read(&input, text, sizeof text, &err), -1);
	ck_assert_str_eq(err.text, why);
	input_close(&input);
}

START_TEST(a_pipe_is_given_up)
{
	int writer;

	enter_folder();
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	check_given_up(4900, 0, "it is a pipe, and nothing has been written to it within 5 s");
	writer = open("pipe", O_RDWR | O_CLOEXEC);
	check_given_up(0, 59900, "it is a pipe, and it has not ended within 60 s");
	ck_assert_int_eq(write(writer, "abc", 3), 3);
	check_given_up(0, 59900, "it is a pipe, and it has not ended within 60 s");
	close(writer);
	leave_folder("pipe");
}
END_TEST

START_TEST(a_long_file_is_read_up_to_a_limit)
{
	struct input input;
	struct err err;
	FILE *file;
	char *text;
	size_t len;

	enter_folder();
	file = fopen("long", "w");
	for (int i = 0; i < 300000; i++)
		fputs("abcdefg\n", file);
	fclose(file);
	ck_assert(input_open(&input, "long", "/x", &err));
	text = input_read_all(&input, 3, &len, &err);
	ck_assert_uint_eq(len, 2400000);
	ck_assert_int_eq(text[len - 1], '\n');
	free(text);
	input_close(&input);
	ck_assert(input_open(&input, "long", "/x", &err));
	ck_assert_ptr_null(input_read_all(&input, 2, &len, &err));
	ck_assert_str_eq(err.text, "expected at most 2 MiB, found more");
	input_close(&input);
	leave_folder("long");
}
END_TEST

SUITE("input", what_is_no_file_is_refused, a_file_is_named_while_it_is_read, a_pipe_is_awaited,
      a_pipe_is_given_up, a_long_file_is_read_up_to_a_limit)
