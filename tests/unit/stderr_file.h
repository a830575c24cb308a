/* stderr_file - standard error goes to a file of the test, so that what is logged can be read. */
#ifndef UNIT_STDERR_FILE_H
#define UNIT_STDERR_FILE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { STDERR_FILE_SIZE = 16384 };

static inline void stderr_file_begin(void)
{
	char path[] = "/tmp/spore-unit-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
}

/* What has been written so far. */
static inline const char *stderr_file_read(char out[STDERR_FILE_SIZE])
{
	ssize_t n = pread(STDERR_FILENO, out, STDERR_FILE_SIZE - 1, 0);

	ck_assert_int_ge(n, 0);
	out[n] = '\0';
	return out;
}

static inline void stderr_file_expect(const char *part)
{
	char text[STDERR_FILE_SIZE];

	ck_assert_msg(strstr(stderr_file_read(text), part) != NULL, "no %s in: %s", part, text);
}

/* How many lines have been written. */
static inline unsigned stderr_file_lines(void)
{
	char text[STDERR_FILE_SIZE];
	unsigned n = 0;

	for (const char *at = stderr_file_read(text); *at; at++)
		n += *at == '\n';
	return n;
}

#endif
