/* pool - a bounded pool of threads for jobs that may block.
 *
 * Threads are started when jobs need them. Each user (a plugin instance, the resolver) has a pool
 * of its own, so that one that hangs does not stop the others. */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct pool;

/* Embedded in its owner. Belongs to the pool until `run` returns. */
struct pool_job {
	void (*run)(struct pool_job *job); /* [blocking] */
	struct pool_job *next;
};

/* NULL: out of memory. [any] */
struct pool *pool_new(unsigned max_threads, unsigned max_queued);
/* Queues a job. False if the queue is full or no thread could be started; the job stays the
 * caller's. [any] */
bool pool_submit(struct pool *pool, struct pool_job *job);
/* Runs the queued jobs, ends the threads and frees the pool. False if a job is still running after
 * `wait_ms`; then the pool is leaked, since that thread uses it. NULL is fine. [main] */
bool pool_free(struct pool *pool, int64_t wait_ms);

#endif
