/* uring - what tests of io_uring share. */
#ifndef UNIT_URING_H
#define UNIT_URING_H

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "uring/uring.h"

/* NULL: this system has no io_uring, which is said aloud, and fails in CI. */
static inline struct uring *uring_or_skip(struct loop *loop)
{
	struct uring *uring = uring_new(loop);

	if (uring)
		return uring;
	ck_assert_msg(!getenv("CI"), "io_uring: %s", strerror(errno));
	fprintf(stderr, "SKIPPED: io_uring: %s\n", strerror(errno));
	return NULL;
}

#endif
