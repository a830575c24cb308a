/* pool - a bounded pool of threads for what may block.
 *
 * Threads are started as jobs need them. One pool serves one user (a plugin's instance, the
 * resolver), so that a user that hangs stops nobody else. */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct pool;

/* Embedded in its owner; belongs to the pool until run returns. */
struct pool_job {
	void (*run)(struct pool_job *job); /* [blocking] */
	struct pool_job *next;
};

/* NULL: out of memory. [any] */
struct pool *pool_new(unsigned max_threads, unsigned max_queued);
/* False when the queue is full or no thread could be started; the job is the caller's then. [any]
 */
bool pool_submit(struct pool *pool, struct pool_job *job);
/* Runs what is queued, ends the threads and frees the pool; false when a job still ran after
 * `wait_ms` (the pool is leaked then, since its thread uses it). NULL is fine. [main] */
bool pool_free(struct pool *pool, int64_t wait_ms);

#endif
