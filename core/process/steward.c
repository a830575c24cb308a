#include "process/steward.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/container.h"
#include "process/watchdog.h"
#include "thread/thread.h"

struct steward {
	struct loop *loop, *main_loop; /* main's is borrowed */
	pthread_t thread;
	unsigned n_jobs;         /* given and not done; [main] */
	void (*last)(void *arg); /* set before the loop stops */
	void *arg;
};

static void *run_steward(void *arg)
{
	struct steward *steward = arg;

	loop_run(steward->loop);
	steward->last(steward->arg);
	return NULL;
}

struct steward *steward_new(struct loop *main_loop, unsigned index, struct err *err)
{
	struct steward *steward = calloc(1, sizeof *steward);
	int failed;

	err_set(err, "out of memory");
	if (!steward)
		return NULL;
	steward->main_loop = main_loop;
	steward->loop = loop_new(index, err);
	if (!steward->loop)
		goto fail;
	failed = thread_start(&steward->thread, "control", run_steward, steward);
	if (!failed)
		return steward;
	err_set_call(err, "clone3", failed);
	err_prefix(err, "cannot start the control thread");
fail:
	steward_free(steward);
	return NULL;
}

struct loop *steward_loop(const struct steward *steward)
{
	return steward->loop;
}

/* ---- jobs ---- */

/* [main] */
static void run_done(struct loop_task *task)
{
	struct steward_job *job = CONTAINER_OF(task, struct steward_job, task);

	job->steward->n_jobs--;
	job->done(job);
}

/* [control] */
static void run_job(struct loop_task *task)
{
	struct steward_job *job = CONTAINER_OF(task, struct steward_job, task);

	job->run(job);
	job->task = (struct loop_task){ .run = run_done };
	loop_post(job->steward->main_loop, &job->task);
}

void steward_give(struct steward *steward, struct steward_job *job)
{
	job->steward = steward;
	job->task = (struct loop_task){ .run = run_job };
	steward->n_jobs++;
	loop_post(steward->loop, &job->task);
}

bool steward_is_idle(const struct steward *steward)
{
	return steward->n_jobs == 0;
}

/* ---- waiting ---- */

/* Runs the `done` of jobs first, since the main loop does not run. */
static bool has_jobs(struct steward *steward)
{
	loop_finish(steward->main_loop);
	return steward->n_jobs > 0;
}

static void sleep_one_ms(void)
{
	nanosleep(&(struct timespec){ 0, 1000000L }, NULL);
}

enum steward_end steward_wait(struct steward *steward, int64_t wait_ms)
{
	int64_t until_ms = clock_ms() + wait_ms;

	while (has_jobs(steward)) {
		if (watchdog_has_signal())
			return STEWARD_SIGNALLED;
		if (clock_ms() >= until_ms)
			return STEWARD_LATE;
		sleep_one_ms();
	}
	return STEWARD_DONE;
}

void steward_stop(struct steward *steward, void (*last)(void *arg), void *arg)
{
	while (has_jobs(steward))
		sleep_one_ms();
	steward->last = last;
	steward->arg = arg;
	loop_break(steward->loop);
	pthread_join(steward->thread, NULL);
}

void steward_free(struct steward *steward)
{
	if (!steward)
		return;
	loop_free(steward->loop);
	free(steward);
}
