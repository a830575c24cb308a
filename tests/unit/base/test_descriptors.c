#include "base/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "suite.h"

START_TEST(the_soft_limit_counts)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 123;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(descriptors_max(), 123);
	limit.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(descriptors_max(), 64);
}
END_TEST

START_TEST(a_huge_limit_counts_as_a_million)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max <= 1 << 20)
		return; /* cannot be tried here */
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(descriptors_max(), 1 << 20);
}
END_TEST

/* Each test is a process of its own. */
START_TEST(closed_standard_descriptors_are_held)
{
	int fd;

	close(STDIN_FILENO);
	close(STDERR_FILENO);
	ck_assert(descriptors_hold_standard());
	fd = open("/dev/null", O_RDWR);
	ck_assert_int_gt(fd, STDERR_FILENO);
	ck_assert_int_lt(write(STDERR_FILENO, "x", 1), 0);
	ck_assert(fcntl(STDOUT_FILENO, F_GETFL) >= 0);
	close(fd);
}
END_TEST

START_TEST(open_ones_are_counted)
{
	unsigned before = descriptors_open();
	int one = open("/dev/null", O_RDONLY);

	ck_assert_uint_ge(before, 3);
	ck_assert_uint_eq(descriptors_open(), before + 1);
	close(one);
	ck_assert_uint_eq(descriptors_open(), before);
}
END_TEST

SUITE("descriptors", open_ones_are_counted, the_soft_limit_counts, a_huge_limit_counts_as_a_million,
      closed_standard_descriptors_are_held)
