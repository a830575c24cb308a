#include "loop/call.h"

#include <errno.h>
#include <semaphore.h>

#include "base/container.h"
#include "loop/loop.h"

struct call {
	struct loop_task task;
	void (*fn)(void *arg);
	void *arg;
	sem_t done;
};

static void run_call(struct loop_task *task)
{
	struct call *call = CONTAINER_OF(task, struct call, task);

	call->fn(call->arg);
	sem_post(&call->done);
}

void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct call call = { .task.run = run_call, .fn = fn, .arg = arg };

	sem_init(&call.done, 0, 0);
	loop_post(loop, &call.task);
	while (sem_wait(&call.done) < 0 && errno == EINTR)
		;
	sem_destroy(&call.done);
}

static void do_nothing(void *unused)
{
	(void)unused;
}

void loop_settle(struct loop *loop)
{
	loop_call(loop, do_nothing, NULL); /* runs in a later turn than earlier calls */
}
