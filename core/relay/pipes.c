#include "relay/pipes.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* An unprivileged user whose pipes have grown past a limit of the system gets pipes of a page or
 * two, with which copying is faster: a pipe that cannot hold LEAST_BYTES is none. */
enum { MAX_IDLE = 16, LEAST_BYTES = 64 * 1024, ASK_AGAIN_MS = 1000 };

void pipe_pool_init(struct pipe_pool *pool, unsigned most)
{
	*pool = (struct pipe_pool){ .most = most };
}

static void destroy(struct pipe_pool *pool, struct pipe *pipe)
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
		destroy(pool, pipe);
	}
	pool->n_idle = 0;
}

static bool is_large_enough(int fd)
{
	fcntl(fd, F_SETPIPE_SZ, (int)PIPE_BYTES);
	return fcntl(fd, F_GETPIPE_SZ) >= LEAST_BYTES;
}

static struct pipe *create(struct pipe_pool *pool)
{
	struct pipe *pipe = calloc(1, sizeof *pipe);
	int ends[2];

	if (!pipe)
		return NULL;
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(pipe);
		return NULL;
	}
	pipe->out = ends[0];
	pipe->in = ends[1];
	pool->n_all++;
	if (is_large_enough(pipe->in))
		return pipe;
	destroy(pool, pipe);
	return NULL;
}

struct pipe *pipe_pool_take(struct pipe_pool *pool, int64_t now_ms)
{
	struct pipe *pipe = pool->idle;

	if (pipe) {
		pool->idle = pipe->next;
		pool->n_idle--;
		return pipe;
	}
	if (pool->n_all >= pool->most || now_ms < pool->not_before_ms)
		return NULL;
	pipe = create(pool);
	if (!pipe)
		pool->not_before_ms = now_ms + ASK_AGAIN_MS;
	return pipe;
}

void pipe_pool_give(struct pipe_pool *pool, struct pipe *pipe)
{
	if (!pipe)
		return;
	if (pipe->len > 0 || pool->n_idle >= MAX_IDLE) {
		destroy(pool, pipe);
		return;
	}
	pipe->next = pool->idle;
	pool->idle = pipe;
	pool->n_idle++;
}
