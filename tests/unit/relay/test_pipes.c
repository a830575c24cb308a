#include "relay/pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "refuse.h"
#include "suite.h"

START_TEST(they_are_kept_and_capped)
{
	struct pipe_pool pool;
	struct pipe *a, *b;

	pipe_pool_init(&pool, 2);
	a = pipe_pool_take(&pool, 0);
	b = pipe_pool_take(&pool, 0);
	ck_assert(a && b && a != b);
	ck_assert_ptr_null(pipe_pool_take(&pool, 0));
	ck_assert_int_ge(fcntl(a->in, F_GETPIPE_SZ), 64 * 1024);
	ck_assert(fcntl(a->in, F_GETFL) & O_NONBLOCK && fcntl(a->out, F_GETFD) & FD_CLOEXEC);
	pipe_pool_give(&pool, a);
	pipe_pool_give(&pool, NULL);
	ck_assert_ptr_eq(pipe_pool_take(&pool, 0), a);
	pipe_pool_give(&pool, a);
	pipe_pool_give(&pool, b);
	ck_assert_uint_eq(pool.n_all, 2);
	pipe_pool_fini(&pool);
	ck_assert_uint_eq(pool.n_all, 0);
}
END_TEST

START_TEST(one_that_holds_bytes_is_not_used_again)
{
	struct pipe_pool pool;
	struct pipe *pipe;

	pipe_pool_init(&pool, 1);
	pipe = pipe_pool_take(&pool, 0);
	ck_assert_ptr_nonnull(pipe);
	ck_assert_int_eq(write(pipe->in, "x", 1), 1);
	pipe->len = 1;
	pipe_pool_give(&pool, pipe);
	ck_assert_uint_eq(pool.n_all, 0);
	pipe = pipe_pool_take(&pool, 0);
	ck_assert_ptr_nonnull(pipe);
	ck_assert_uint_eq(pipe->len, 0);
	pipe_pool_give(&pool, pipe);
	pipe_pool_fini(&pool);
}
END_TEST

START_TEST(none_is_asked_for_again_at_once)
{
	struct rlimit files, none;
	struct pipe_pool pool;
	struct pipe *pipe;

	pipe_pool_init(&pool, 1);
	getrlimit(RLIMIT_NOFILE, &files);
	none = files;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	ck_assert_ptr_null(pipe_pool_take(&pool, 1000));
	setrlimit(RLIMIT_NOFILE, &files);
	ck_assert_ptr_null(pipe_pool_take(&pool, 1999));
	pipe = pipe_pool_take(&pool, 2000);
	ck_assert_ptr_nonnull(pipe);
	pipe_pool_give(&pool, pipe);
	pipe_pool_fini(&pool);
}
END_TEST

START_TEST(none_is_given_for_a_minute_after_a_refusal)
{
	struct pipe_pool pool;
	struct pipe *pipe;

	pipe_pool_init(&pool, 1);
	pipe = pipe_pool_take(&pool, 1000);
	ck_assert_ptr_nonnull(pipe);
	pipe_pool_give(&pool, pipe);
	pipe_pool_refuse(&pool, "splice", EPERM, 1000);
	ck_assert_ptr_null(pipe_pool_take(&pool, 1000));
	ck_assert_ptr_null(pipe_pool_take(&pool, 60999));
	ck_assert_ptr_eq(pipe_pool_take(&pool, 61000), pipe);
	pipe_pool_give(&pool, pipe);
	pipe_pool_fini(&pool);
}
END_TEST

START_TEST(a_refused_pipe2_is_not_asked_for_each_second)
{
	struct pipe_pool pool;

	pipe_pool_init(&pool, 1);
	ck_assert(refuse_call(SYS_pipe2, EPERM));
	ck_assert_ptr_null(pipe_pool_take(&pool, 1000));
	ck_assert_int_eq(pool.refused_until_ms, 61000);
	pipe_pool_fini(&pool);
}
END_TEST

SUITE("pipes", they_are_kept_and_capped, one_that_holds_bytes_is_not_used_again,
      none_is_asked_for_again_at_once, none_is_given_for_a_minute_after_a_refusal,
      a_refused_pipe2_is_not_asked_for_each_second)
