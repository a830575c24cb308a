#include "keep/returns.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "keep/elders.h"
#include "loop/loop.h"

/* At most so many are read in one turn of the main loop. */
enum { AT_ONCE = 64 };

struct returned {
	struct loop_task task;
	const struct returns *from;
	unsigned index; /* of the loop */
	int fd;
	size_t len;
	uint8_t said[ELDERS_SAID_MOST];
};

/* [worker] */
static void run_returned(struct loop_task *task)
{
	struct returned *returned = CONTAINER_OF(task, struct returned, task);
	const struct returns *from = returned->from;

	from->resume(from->arg, returned->index, returned->fd, returned->said, returned->len);
	free(returned);
}

/* Takes what was received. */
static void give_to_worker(struct returns *returns, struct returned *returned)
{
	if (returned->fd < 0) {
		free(returned);
		return;
	}
	returned->task.run = run_returned;
	returned->from = returns;
	returned->index = returns->next;
	returns->next = (returns->next + 1) % returns->n_loops;
	loop_post(returns->loops[returned->index], &returned->task);
}

static void on_readable(struct ev_loop *ev, ev_io *io, int events)
{
	struct returns *returns = io->data;

	(void)ev;
	(void)events;
	for (int i = 0; i < AT_ONCE; i++) {
		struct returned *returned = calloc(1, sizeof *returned);
		enum elders_news news;

		if (!returned)
			return;
		returned->len = sizeof returned->said;
		news = elders_receive(returns->fd, &returned->fd, returned->said, &returned->len);
		if (news == ELDERS_CONNECTION) {
			give_to_worker(returns, returned);
			continue;
		}
		free(returned);
		if (news == ELDERS_END) {
			returns_close(returns);
			returns->on_end(returns->arg);
		}
		return;
	}
}

void returns_open(struct returns *returns, int fd)
{
	returns->fd = fd;
	returns->is_open = true;
	ev_io_init(&returns->reader, on_readable, fd, EV_READ);
	returns->reader.data = returns;
	ev_io_start(loop_ev(returns->main_loop), &returns->reader);
}

void returns_close(struct returns *returns)
{
	if (!returns->is_open)
		return;
	returns->is_open = false;
	ev_io_stop(loop_ev(returns->main_loop), &returns->reader);
	close(returns->fd);
}
