/* pipes - a worker's kernel pipes, through which bytes are spliced from socket to socket.
 *
 * A pipe is held by a direction while bytes are in it, and for the length of a turn; so few do for
 * many relays. They are counted and capped, and a few that are empty are kept. [worker] */
#ifndef CORE_PIPES_H
#define CORE_PIPES_H

#include <stddef.h>
#include <stdint.h>

/* What a pipe is asked to hold. */
#define PIPE_BYTES ((size_t)256 * 1024)

struct pipe {
	int out, in; /* where bytes are taken from it, and put into it */
	size_t len;  /* bytes in it */
	struct pipe *next;
};

struct pipe_pool {
	struct pipe *idle;
	unsigned n_idle, n_all, most;
	int64_t not_before_ms; /* the system has none to give: do not ask before */
};

/* most: how many may exist at once; each takes two descriptors. */
void pipe_pool_init(struct pipe_pool *pool, unsigned most);
/* All pipes have been given back. */
void pipe_pool_fini(struct pipe_pool *pool);
/* NULL: there is none to be had, or only small ones; copying does. */
struct pipe *pipe_pool_take(struct pipe_pool *pool, int64_t now_ms);
/* Keeps it for the next if it is empty. NULL is fine. */
void pipe_pool_give(struct pipe_pool *pool, struct pipe *pipe);

#endif
