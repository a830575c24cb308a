#include "keep/returns.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/descriptors.h"
#include "keep/elders.h"
#include "log/log.h"
#include "loop/loop.h"

/* At most so many are read in one turn of the main loop, and so many wait for their workers. */
enum { AT_ONCE = 64, WAITING_MOST = 256 };

static const double pause_s = 0.05;

struct returned {
	struct loop_task task;
	struct returns *from;
	unsigned index; /* of the loop */
	int fd;
	size_t len;
	uint8_t said[ELDERS_SAID_MOST];
};

/* [worker] */
static void run_returned(struct loop_task *task)
{
	struct returned *returned = CONTAINER_OF(task, struct returned, task);
	struct returns *from = returned->from;

	atomic_fetch_sub(&from->waiting, 1);
	from->resume(from->arg, returned->index, returned->fd, returned->said, returned->len);
	free(returned);
}

static void log_lost(struct returns *returns)
{
	if (!returns->has_run_out)
		log_error("connections from the next process are lost: no descriptor is left",
		          log_int("descriptors", descriptors_max()));
	returns->has_run_out = true;
}

/* Takes what was received. */
static void give_to_worker(struct returns *returns, struct returned *returned)
{
	if (returned->fd < 0) {
		log_lost(returns);
		free(returned);
		return;
	}
	atomic_fetch_add(&returns->waiting, 1);
	returned->task.run = run_returned;
	returned->from = returns;
	returned->index = returns->next;
	returns->next = (returns->next + 1) % returns->n_loops;
	loop_post(returns->loops[returned->index], &returned->task);
}

static bool is_full(const struct returns *returns)
{
	return atomic_load(&returns->waiting) >= WAITING_MOST;
}

static void on_pause_end(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct returns *returns = timer->data;

	(void)events;
	if (is_full(returns))
		return;
	ev_timer_stop(ev, &returns->pause);
	ev_io_start(ev, &returns->reader);
}

static void on_readable(struct ev_loop *ev, ev_io *io, int events)
{
	struct returns *returns = io->data;

	(void)events;
	if (is_full(returns)) {
		ev_io_stop(ev, &returns->reader);
		ev_timer_start(ev, &returns->pause);
		return;
	}
	for (int i = 0; i < AT_ONCE && !is_full(returns); i++) {
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
	ev_timer_init(&returns->pause, on_pause_end, pause_s, pause_s);
	returns->pause.data = returns;
}

void returns_close(struct returns *returns)
{
	if (!returns->is_open)
		return;
	returns->is_open = false;
	ev_io_stop(loop_ev(returns->main_loop), &returns->reader);
	ev_timer_stop(loop_ev(returns->main_loop), &returns->pause);
	close(returns->fd);
}
