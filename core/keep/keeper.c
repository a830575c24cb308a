#include "keep/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "keep/kept_ports.h"
#include "loop/loop.h"

struct keeper_task {
	struct loop_task task;
	struct keeper *keeper;  /* borrowed: main runs the task before it frees the keeper */
	struct sockets sockets; /* owned; none: to drop those of this name */
	char name[KEPT_PORT_NAME_SIZE];
};

/* [main] */
static void run_task(struct loop_task *posted)
{
	struct keeper_task *task = CONTAINER_OF(posted, struct keeper_task, task);
	struct keeper *keeper = task->keeper;

	if (task->sockets.n == 0)
		keeper->drop(keeper->arg, task->name);
	for (unsigned i = 0; i < task->sockets.n; i++)
		keeper->keep(keeper->arg, task->sockets.fds[i], task->name);
	sock_close_all(&task->sockets);
	free(task);
}

/* Takes the sockets. False: out of memory. */
static bool post(struct keeper *keeper, struct sockets *sockets, const char *name)
{
	struct keeper_task *task = calloc(1, sizeof *task);

	if (!task) {
		sock_close_all(sockets);
		return false;
	}
	task->task.run = run_task;
	task->keeper = keeper;
	task->sockets = *sockets;
	strncpy(task->name, name, sizeof task->name - 1);
	loop_post(keeper->main_loop, &task->task);
	return true;
}

bool keeper_is_open(const struct keeper *keeper)
{
	return atomic_load(&keeper->is_open);
}

void keeper_open(struct keeper *keeper, bool is_open)
{
	atomic_store(&keeper->n, 0);
	atomic_store(&keeper->is_open, is_open);
}

bool keeper_keep(struct keeper *keeper, struct sockets *sockets, const char *name)
{
	unsigned n = atomic_load(&keeper->n);

	while (n + sockets->n <= KEPT_PORTS_MOST) {
		if (atomic_compare_exchange_weak(&keeper->n, &n, n + sockets->n))
			return post(keeper, sockets, name);
	}
	sock_close_all(sockets);
	return false;
}

void keeper_drop(struct keeper *keeper, const char *name)
{
	post(keeper, &(struct sockets){ 0 }, name);
}
