#include "loop/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "thread/guest.h"
#include "thread/thread.h"

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work, ended;
	struct pool_job *first, **end;
	unsigned queued, max_queued;
	unsigned threads, running, idle, max_threads;
	bool stopping;
	pthread_t thread[]; /* the first `threads` have been started */
};

struct pool *pool_new(unsigned max_threads, unsigned max_queued)
{
	struct pool *pool = calloc(1, sizeof *pool + max_threads * sizeof(pthread_t));
	pthread_condattr_t attr;

	if (!pool)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->ended, &attr);
	pthread_condattr_destroy(&attr);
	pool->end = &pool->first;
	pool->max_threads = max_threads;
	pool->max_queued = max_queued;
	return pool;
}

static struct pool_job *take_job(struct pool *pool)
{
	struct pool_job *job = pool->first;

	if (!job)
		return NULL;
	pool->first = job->next;
	if (!pool->first)
		pool->end = &pool->first;
	pool->queued--;
	return job;
}

static void *run_jobs(void *arg)
{
	struct pool *pool = arg;
	struct pool_job *job;

	guest_thread_is(GUEST_POOL);
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!(job = take_job(pool)) && !pool->stopping) {
			pool->idle++;
			pthread_cond_wait(&pool->work, &pool->lock);
			pool->idle--;
		}
		if (!job)
			break;
		pthread_mutex_unlock(&pool->lock);
		job->run(job);
		pthread_mutex_lock(&pool->lock);
	}
	pool->running--;
	pthread_cond_signal(&pool->ended);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Under the lock. */
static bool start_thread(struct pool *pool)
{
	bool started = thread_start(&pool->thread[pool->threads], "pool", run_jobs, pool) == 0;

	pool->threads += started;
	pool->running += started;
	return started;
}

/* Starts a thread for one more job if no idle one is left for it. False if the pool has no thread
 * that could ever run the job. Under the lock. */
static bool provide_thread(struct pool *pool)
{
	bool is_needed = pool->idle <= pool->queued && pool->threads < pool->max_threads;

	return !is_needed || start_thread(pool) || pool->threads > 0;
}

bool pool_submit(struct pool *pool, struct pool_job *job)
{
	bool taken = false;

	pthread_mutex_lock(&pool->lock);
	if (pool->stopping || pool->queued >= pool->max_queued || !provide_thread(pool))
		goto out;
	job->next = NULL;
	*pool->end = job;
	pool->end = &job->next;
	pool->queued++;
	pthread_cond_signal(&pool->work);
	taken = true;
out:
	pthread_mutex_unlock(&pool->lock);
	return taken;
}

static struct timespec time_after(int64_t wait_ms)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += wait_ms / 1000;
	time.tv_nsec += wait_ms % 1000 * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	return time;
}

bool pool_free(struct pool *pool, int64_t wait_ms)
{
	struct timespec until;
	bool done;

	if (!pool)
		return true;
	until = time_after(wait_ms);
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->work);
	while (pool->running > 0 && pthread_cond_timedwait(&pool->ended, &pool->lock, &until) == 0)
		;
	done = pool->running == 0;
	pthread_mutex_unlock(&pool->lock);
	if (!done)
		return false;
	/* Joins the threads, so that thread-local destructors, such as OpenSSL's, have run. */
	for (unsigned i = 0; i < pool->threads; i++)
		pthread_join(pool->thread[i], NULL);
	pthread_cond_destroy(&pool->ended);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
	return true;
}
