#include "loop/pool.h"

#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/clock.h"
#include "suite.h"

static sem_t gate, entered;
static atomic_uint n_run, n_inside, most_inside;

static void run_gated(struct pool_job *job)
{
	unsigned inside = atomic_fetch_add(&n_inside, 1) + 1, most = most_inside;

	(void)job;
	while (inside > most && !atomic_compare_exchange_weak(&most_inside, &most, inside))
		;
	sem_post(&entered);
	sem_wait(&gate);
	atomic_fetch_sub(&n_inside, 1);
	atomic_fetch_add(&n_run, 1);
}

static void set_up(void)
{
	sem_init(&gate, 0, 0);
	sem_init(&entered, 0, 0);
}

static void open_gate(int n)
{
	for (int i = 0; i < n; i++)
		sem_post(&gate);
}

START_TEST(threads_and_queue_are_bounded)
{
	struct pool_job jobs[8] = { { .run = NULL } };
	struct pool *pool = pool_new(2, 3);
	unsigned n_taken = 0;

	set_up();
	for (int i = 0; i < 8; i++)
		jobs[i].run = run_gated;
	for (int i = 0; i < 2; i++) { /* both threads are busy before the queue fills */
		ck_assert(pool_submit(pool, &jobs[i]));
		sem_wait(&entered);
	}
	for (int i = 2; i < 8; i++)
		n_taken += pool_submit(pool, &jobs[i]);
	ck_assert_uint_eq(n_taken, 3);
	open_gate(5);
	ck_assert(pool_free(pool, 10000));
	ck_assert_uint_eq(n_run, 5);
	ck_assert_uint_eq(most_inside, 2);
}
END_TEST

START_TEST(all_that_is_queued_runs_before_it_is_freed)
{
	enum { N = 100 };
	struct pool_job jobs[N];
	struct pool *pool = pool_new(3, N);

	set_up();
	open_gate(N);
	for (int i = 0; i < N; i++) {
		jobs[i].run = run_gated;
		ck_assert(pool_submit(pool, &jobs[i]));
	}
	ck_assert(pool_free(pool, 10000));
	ck_assert_uint_eq(n_run, N);
}
END_TEST

/* The pool is leaked, since its thread uses it. */
static struct pool *hung;
static struct pool_job hung_job = { .run = run_gated };

START_TEST(a_job_that_hangs_holds_nobody_up)
{
	int64_t start = clock_ms();

	set_up();
	hung = pool_new(1, 1);
	ck_assert(pool_submit(hung, &hung_job));
	sem_wait(&entered);
	ck_assert(!pool_free(hung, 100));
	ck_assert_int_ge(clock_ms() - start, 100);
	ck_assert_int_lt(clock_ms() - start, 5000);
	ck_assert(!pool_submit(hung, &hung_job)); /* it is stopping */
	open_gate(1);
	ck_assert(pool_free(hung, 10000));
	ck_assert_uint_eq(n_run, 1);
}
END_TEST

START_TEST(an_unused_pool_costs_no_thread)
{
	ck_assert(pool_free(pool_new(4, 4), 0));
	ck_assert(pool_free(NULL, 0));
}
END_TEST

START_TEST(idle_threads_are_used_again)
{
	static struct pool_job jobs[200];
	struct pool *pool = pool_new(8, 8);

	set_up();
	for (unsigned i = 0; i < 200; i++) {
		open_gate(1);
		jobs[i].run = run_gated;
		ck_assert(pool_submit(pool, &jobs[i]));
		while (n_run <= i)
			sched_yield();
	}
	ck_assert(pool_free(pool, 10000));
	ck_assert_uint_eq(n_run, 200);
}
END_TEST

SUITE("pool", threads_and_queue_are_bounded, all_that_is_queued_runs_before_it_is_freed,
      a_job_that_hangs_holds_nobody_up, an_unused_pool_costs_no_thread, idle_threads_are_used_again)
