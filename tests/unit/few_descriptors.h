/* few_descriptors - for a while the process can open no more than a few descriptors. */
#ifndef UNIT_FEW_DESCRIPTORS_H
#define UNIT_FEW_DESCRIPTORS_H

#include <check.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Leaves `spare` numbers below the limit. Returns the limit before. */
static inline struct rlimit few_descriptors_begin(unsigned spare)
{
	struct rlimit before, few;
	int fd = -1, most = 0;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (unsigned i = 0; i <= spare; i++) {
		do
			fd++;
		while (fcntl(fd, F_GETFD) >= 0);
		most = fd;
	}
	few = before;
	few.rlim_cur = (rlim_t)most; /* no free number below it but the spare ones */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	return before;
}

static inline void few_descriptors_end(const struct rlimit *before)
{
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, before), 0);
}

#endif
