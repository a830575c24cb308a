#include "base/descriptors.h"

#include <sys/resource.h>

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

SUITE("descriptors", the_soft_limit_counts, a_huge_limit_counts_as_a_million)
