#include "server/takeover.h"

#include <stdlib.h>
#include <unistd.h>

#include "loop/loop.h"
#include "server/control.h"
#include "server/worker.h"

struct takeover {
	struct loop_task task;
	struct loop *asker;
	struct takeover_question question;
	int fd;
	void (*on_answer)(void *arg, int fd); /* NULL once forgotten; touched by the asker alone */
	void *arg;
};

static struct takeover *takeover_of(struct loop_task *task)
{
	return (void *)((char *)task - offsetof(struct takeover, task));
}

static void run_answer(struct loop_task *task)
{
	struct takeover *takeover = takeover_of(task);

	if (takeover->on_answer)
		takeover->on_answer(takeover->arg, takeover->fd);
	else if (takeover->fd >= 0)
		close(takeover->fd);
	free(takeover);
}

static void run_question(struct loop_task *task)
{
	struct takeover *takeover = takeover_of(task);
	const struct takeover_question *question = &takeover->question;

	takeover->fd = control_yield_port(&question->holder->sessions, question->by, question->session,
	                                  question->port);
	takeover->task.run = run_answer;
	loop_post(takeover->asker, &takeover->task);
}

struct takeover *takeover_ask(struct worker *asker, const struct takeover_question *question,
                              void (*on_answer)(void *arg, int fd), void *arg)
{
	struct takeover *takeover = calloc(1, sizeof *takeover);

	if (!takeover)
		return NULL;
	*takeover = (struct takeover){ .task.run = run_question,
		                       .asker = asker->loop,
		                       .question = *question,
		                       .on_answer = on_answer,
		                       .arg = arg };
	loop_post(question->holder->loop, &takeover->task);
	return takeover;
}

void takeover_forget(struct takeover *takeover)
{
	if (takeover)
		takeover->on_answer = NULL;
}
