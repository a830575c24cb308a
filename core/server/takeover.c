#include "server/takeover.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "loop/loop.h"
#include "net/sock.h"
#include "net/stream.h"
#include "server/control.h"
#include "server/tunnel.h"
#include "server/worker.h"

/* Without an acknowledgement, or a promised heartbeat, for so long a client is taken to be silent
 * when its own principal asks for its port. */
enum { UNANSWERED_MS = 2000, MISSED_MS = WORKER_PULSE_MS + 2500 };

struct takeover {
	struct loop_task task;
	struct loop *asker;
	struct takeover_question question;
	int fd;
	void (*on_answer)(void *arg, int fd); /* NULL once forgotten; touched by the asker alone */
	void *arg;
};

/* ---- the holder's side ---- */

static bool has_missed_heartbeats(const struct control *c)
{
	return c->extended && c->silence.at_ms - WORKER_SILENCE_MS + MISSED_MS < clock_ms() &&
	       !sock_has_unread(stream_fd(c->link.stream));
}

static bool is_silent(const struct control *c)
{
	return has_missed_heartbeats(c) ||
	       sock_is_unanswered(stream_fd(c->link.stream), UNANSWERED_MS);
}

/* The listening socket of this principal's tunnel at the port, if its client has fallen silent:
 * then the connection ends. Else -1. */
static int yield_port(struct list *sessions, const struct instance *by, uint64_t session,
                      uint16_t port)
{
	for (struct list *i = sessions->next; i != sessions; i = i->next) {
		struct control *c = CONTAINER_OF(i, struct control, node);
		int fd;

		if (c->state != TUNNEL || tunnel_account(c->tunnel)->port != port ||
		    !account_belongs_to(tunnel_account(c->tunnel), by, session))
			continue;
		if (atomic_load(&c->worker->shared->draining))
			return -1; /* nor would anybody else get it */
		if (!is_silent(c)) {
			tunnel_beat(c->tunnel); /* the next who asks will know more */
			return -1;
		}
		fd = tunnel_take_port(c->tunnel);
		control_log(c, LOG_WARN, "client left", "it has fallen silent, and its port moves");
		link_fini(&c->link, true);
		control_retire(c);
		return fd;
	}
	return -1;
}

/* ---- question and answer ---- */

static struct takeover *takeover_of(struct loop_task *task)
{
	return CONTAINER_OF(task, struct takeover, task);
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

	takeover->fd = yield_port(&question->holder->sessions, question->by, question->session,
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
