/* steward - the control thread. It makes all calls into plugins that the SDK marks [main], one job
 * at a time, and may wait for the workers. So a plugin that hangs there does not hold up main.
 *
 *   main ─job─▶ control thread: run ─▶ main: done */
#ifndef CORE_STEWARD_H
#define CORE_STEWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"

struct steward;

/* Embedded in its owner. Belongs to the steward until `done` runs. */
struct steward_job {
	void (*run)(struct steward_job *job);  /* [control] */
	void (*done)(struct steward_job *job); /* [main] */
	struct steward *steward;               /* set by steward_give, as the next */
	struct loop_task task;
};

/* Starts the thread. `index`: the number of its loop. NULL and *err: out of memory, descriptors or
 * threads. [main] */
struct steward *steward_new(struct loop *main_loop, unsigned index, struct err *err);
/* The loop of the control thread. [any] */
struct loop *steward_loop(const struct steward *steward);
/* Queues the job, also behind one that hangs. [main] */
void steward_give(struct steward *steward, struct steward_job *job);

/* The `done` of all jobs has run. So the control thread uses nothing that a job has lent to it.
 * [main] */
bool steward_is_idle(const struct steward *steward);

enum steward_end {
	STEWARD_DONE,
	STEWARD_LATE,     /* the time is over, and a job still runs */
	STEWARD_SIGNALLED /* TERM or INT has arrived, and a job still runs */
};

/* Waits until the `done` of all jobs has run, for at most wait_ms, while the main loop does not
 * run. [main] */
enum steward_end steward_wait(struct steward *steward, int64_t wait_ms);
/* Waits for all jobs, however long that takes, then runs last(arg) on the control thread, whose
 * loop has stopped, and waits for the end of the thread. The main loop must not run. [main] */
void steward_stop(struct steward *steward, void (*last)(void *arg), void *arg);
/* After steward_stop. NULL is fine. [main] */
void steward_free(struct steward *steward);

#endif
