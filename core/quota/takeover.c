#include "quota/takeover.h"

#include <stdlib.h>

#include "base/container.h"
#include "loop/loop.h"

struct takeover {
	struct loop_task task;
	struct loop *asker;
	struct takeover_question question;
	const struct takeover_calls *calls; /* borrowed */
	struct sockets sockets;
	struct takeover_holder holder;
	bool forgotten; /* touched by the asker alone */
	void *arg;
};

static struct takeover *takeover_of(struct loop_task *task)
{
	return CONTAINER_OF(task, struct takeover, task);
}

static void run_answer(struct loop_task *task)
{
	struct takeover *takeover = takeover_of(task);

	if (!takeover->forgotten)
		takeover->calls->on_answer(takeover->arg, &takeover->sockets, &takeover->holder);
	else
		sock_close_all(&takeover->sockets);
	free(takeover);
}

static void run_question(struct loop_task *task)
{
	struct takeover *takeover = takeover_of(task);

	takeover->sockets = takeover->calls->yield(&takeover->question, &takeover->holder);
	takeover->task.run = run_answer;
	loop_post(takeover->asker, &takeover->task);
}

struct takeover *takeover_ask(struct loop *asker, struct loop *holder,
                              const struct takeover_question *question,
                              const struct takeover_calls *calls, void *arg)
{
	struct takeover *takeover = calloc(1, sizeof *takeover);

	if (!takeover)
		return NULL;
	*takeover = (struct takeover){ .task.run = run_question,
		                       .asker = asker,
		                       .question = *question,
		                       .calls = calls,
		                       .arg = arg };
	loop_post(holder, &takeover->task);
	return takeover;
}

void takeover_forget(struct takeover *takeover)
{
	if (takeover)
		takeover->forgotten = true;
}
