#include "keep/keeper.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "keep/kept_ports.h"
#include "loop/loop.h"

struct keeper_task {
	struct loop_task task;
	struct keeper *keeper; /* borrowed: main runs the task before it frees the keeper */
	int fd;                /* owned; -1: to drop */
	char name[KEPT_PORT_NAME_SIZE];
};

/* [main] */
static void run_task(struct loop_task *posted)
{
	struct keeper_task *task = CONTAINER_OF(posted, struct keeper_task, task);
	struct keeper *keeper = task->keeper;

	if (task->fd >= 0) {
		keeper->keep(keeper->arg, task->fd, task->name);
		close(task->fd);
	} else {
		keeper->drop(keeper->arg, task->name);
	}
	free(task);
}

static void post(struct keeper *keeper, int fd, const char *name)
{
	struct keeper_task *task = calloc(1, sizeof *task);

	if (!task) {
		if (fd >= 0)
			close(fd);
		return;
	}
	task->task.run = run_task;
	task->keeper = keeper;
	task->fd = fd;
	strncpy(task->name, name, sizeof task->name - 1);
	loop_post(keeper->main_loop, &task->task);
}

void keeper_keep(struct keeper *keeper, int fd, const char *name)
{
	if (atomic_fetch_add(&keeper->n, 1) < KEPT_PORTS_MOST)
		post(keeper, fd, name);
	else
		close(fd);
}

void keeper_drop(struct keeper *keeper, const char *name)
{
	post(keeper, -1, name);
}
