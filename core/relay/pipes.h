/* pipes - the kernel pipes of a worker. Bytes are spliced through them from socket to socket.
 *
 * A flow holds a pipe only during a turn or while bytes are in it, so many relays share few pipes.
 * The pool limits their number and keeps a few empty ones. [worker] */
#ifndef CORE_PIPES_H
#define CORE_PIPES_H

#include <stddef.h>
#include <stdint.h>

/* The capacity that a pipe is asked for. */
#define PIPE_BYTES ((size_t)256 * 1024)

struct pipe {
	int out, in; /* the read end and the write end */
	size_t len;  /* bytes in the pipe */
	struct pipe *next;
};

struct pipe_pool {
	struct pipe *idle;
	unsigned n_idle, n_all, most;
	int64_t not_before_ms;    /* no pipe is created before this time: the last attempt failed */
	int64_t refused_until_ms; /* no pipe is given before this time: see pipe_pool_refuse */
};

/* most: the number of pipes that may exist. Each takes two descriptors. */
void pipe_pool_init(struct pipe_pool *pool, unsigned most);
/* Closes the pipes. All must have been given back. */
void pipe_pool_fini(struct pipe_pool *pool);
/* NULL: no pipe is available, or only a small one. The caller then copies. */
struct pipe *pipe_pool_take(struct pipe_pool *pool, int64_t now_ms);
/* Call it when the system refuses a call on pipes. For a minute the pool gives no pipe, so its
 * callers copy. The first time in this process, the log names the call and the cause. */
void pipe_pool_refuse(struct pipe_pool *pool, const char *call, int cause, int64_t now_ms);
/* Keeps the pipe for the next caller if it is empty, else closes it. NULL is fine. */
void pipe_pool_give(struct pipe_pool *pool, struct pipe *pipe);

#endif
