#include "relay/pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"

/* Past a system limit (pipe-user-pages-soft), an unprivileged user gets pipes of a page or two.
 * Copying is faster than such a pipe, so a pipe that holds less than MIN_BYTES is not used. */
enum { MAX_IDLE = 16, MIN_BYTES = 64 * 1024, ASK_AGAIN_MS = 1000, REFUSED_MS = 60000 };

/* All workers are refused alike, so one of them tells the operator. */
static atomic_bool the_refusal_is_logged;

void pipe_pool_init(struct pipe_pool *pool, unsigned most)
{
	*pool = (struct pipe_pool){ .most = most };
}

static void destroy_pipe(struct pipe_pool *pool, struct pipe *pipe)
{
	close(pipe->out);
	close(pipe->in);
	free(pipe);
	pool->n_all--;
}

void pipe_pool_fini(struct pipe_pool *pool)
{
	while (pool->idle) {
		struct pipe *pipe = pool->idle;

		pool->idle = pipe->next;
		destroy_pipe(pool, pipe);
	}
	pool->n_idle = 0;
}

static bool is_large_enough(int fd)
{
	fcntl(fd, F_SETPIPE_SZ, (int)PIPE_BYTES);
	return fcntl(fd, F_GETPIPE_SZ) >= MIN_BYTES;
}

void pipe_pool_refuse(struct pipe_pool *pool, const char *call, int cause, int64_t now_ms)
{
	pool->refused_until_ms = now_ms + REFUSED_MS;
	if (!atomic_exchange(&the_refusal_is_logged, true))
		log_warn("bulk data is copied, not spliced: a system call is refused",
		         log_str("call", call), log_str("error", strerrordesc_np(cause)),
		         log_str("remedy", "allow it in the sandbox's filter of system calls"));
}

static struct pipe *create_pipe(struct pipe_pool *pool, int64_t now_ms)
{
	struct pipe *pipe = calloc(1, sizeof *pipe);
	int ends[2];

	if (!pipe)
		return NULL;
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) {
		if (errno == EPERM || errno == ENOSYS)
			pipe_pool_refuse(pool, "pipe2", errno, now_ms);
		free(pipe);
		return NULL;
	}
	pipe->out = ends[0];
	pipe->in = ends[1];
	pool->n_all++;
	if (is_large_enough(pipe->in))
		return pipe;
	destroy_pipe(pool, pipe);
	return NULL;
}

struct pipe *pipe_pool_take(struct pipe_pool *pool, int64_t now_ms)
{
	struct pipe *pipe = pool->idle;

	if (now_ms < pool->refused_until_ms)
		return NULL;
	if (pipe) {
		pool->idle = pipe->next;
		pool->n_idle--;
		return pipe;
	}
	if (pool->n_all >= pool->most || now_ms < pool->not_before_ms)
		return NULL;
	pipe = create_pipe(pool, now_ms);
	if (!pipe)
		pool->not_before_ms = now_ms + ASK_AGAIN_MS;
	return pipe;
}

void pipe_pool_give(struct pipe_pool *pool, struct pipe *pipe)
{
	if (!pipe)
		return;
	if (pipe->len > 0 || pool->n_idle >= MAX_IDLE) {
		destroy_pipe(pool, pipe);
		return;
	}
	pipe->next = pool->idle;
	pool->idle = pipe;
	pool->n_idle++;
}
