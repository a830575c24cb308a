#include "route/glance.h"

#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "chain/plugin_set.h"
#include "loop/loop.h"

struct glance {
	struct list node;
	struct glance_list *list;
	struct glance_spec spec; /* with a reference to the chain */
	spore_addr peer;
	struct deadline deadline;
	struct loop_task reaper;
	ev_io io;
	int fd;         /* owned; -1: the glance has ended */
	size_t n;       /* bytes at the last look */
	unsigned looks; /* so far */
};

static const struct route_answer no_answer;

/* ---- the end ---- */

static void run_reaper(struct loop_task *task)
{
	struct glance *glance = CONTAINER_OF(task, struct glance, reaper);

	chain_unref(glance->spec.chain);
	free(glance);
}

/* Gives the socket away, or closes it. */
static void end(struct glance *glance, enum route_verdict verdict,
                const struct route_answer *answer, bool has_left)
{
	struct glance_list *list = glance->list;
	int fd = glance->fd;

	glance->fd = -1;
	ev_io_stop(loop_ev(list->loop), &glance->io);
	loop_forget_fd(list->loop, fd);
	deadline_stop(&glance->deadline);
	list_remove(&glance->node);
	list->n--;
	if (has_left) {
		close(fd);
		fd = -1;
	} else if (glance->looks > 1) {
		setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ 1 }, sizeof(int));
	}
	glance->spec.on_decided(fd, &glance->peer, verdict, answer, glance->spec.arg);
	loop_reap(list->loop, &glance->reaper);
}

static void leave(struct glance *glance)
{
	end(glance, ROUTE_NONE, &no_answer, true);
}

/* ---- looking ---- */

/* The visitor sends nothing more. */
static bool is_finished(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLRDHUP };

	return poll(&pollfd, 1, 0) > 0 && pollfd.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

/* Lets the loop sleep until there are so many bytes. */
static void await_bytes(struct glance *glance, size_t need)
{
	int low = need < GLANCE_MAX ? (int)need : GLANCE_MAX;

	setsockopt(glance->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
	ev_io_start(loop_ev(glance->list->loop), &glance->io);
}

static void ask(struct glance *glance, const uint8_t *bytes, size_t n, bool is_end)
{
	struct route_question question = {
		.head = { (const char *)bytes, n },
		.is_end = is_end || n >= GLANCE_MAX || glance->looks + 1 >= GLANCE_LOOKS,
		.peer = &glance->peer,
		.local = glance->spec.local,
		.listener = glance->spec.listener,
	};
	struct route_answer answer;
	enum route_verdict verdict;

	glance->n = n;
	glance->looks++;
	verdict = route_ask(glance->spec.chain, glance->list->loop, &question, &answer);
	if (verdict == ROUTE_MORE)
		await_bytes(glance, answer.need);
	else
		end(glance, verdict, &answer, false);
}

/* is_late: the time is up. */
static void look(struct glance *glance, bool is_late)
{
	uint8_t *bytes = loop_scratch(glance->list->loop);
	ssize_t n = recv(glance->fd, bytes, GLANCE_MAX, MSG_PEEK | MSG_DONTWAIT);
	bool is_empty = n < 0 && (errno == EAGAIN || errno == EINTR);

	if (n == 0 || (n < 0 && !is_empty))
		leave(glance);
	else if (is_late)
		ask(glance, bytes, n > 0 ? (size_t)n : 0, true);
	else if (is_empty)
		ev_io_start(loop_ev(glance->list->loop), &glance->io);
	else if ((size_t)n > glance->n)
		ask(glance, bytes, (size_t)n, false);
	else if (is_finished(glance->fd))
		ask(glance, bytes, (size_t)n, true);
}

static void on_io(struct ev_loop *ev, ev_io *io, int events)
{
	(void)ev;
	(void)events;
	look(io->data, false);
}

static void on_expired(struct deadline *deadline)
{
	look(CONTAINER_OF(deadline, struct glance, deadline), true);
}

/* ---- the list ---- */

void glance_list_init(struct glance_list *list, struct loop *loop, int64_t timeout_ms,
                      unsigned most)
{
	*list = (struct glance_list){ .loop = loop, .most = most };
	list_init(&list->all);
	deadline_list_init(&list->timing, loop, timeout_ms, on_expired);
}

static struct glance *first_of(const struct glance_list *list)
{
	return CONTAINER_OF(list->all.next, struct glance, node);
}

void glance_list_fini(struct glance_list *list)
{
	while (!list_is_empty(&list->all))
		leave(first_of(list));
	deadline_list_fini(&list->timing);
}

bool glance_start(struct glance_list *list, int fd, const struct glance_spec *spec)
{
	struct glance *glance = calloc(1, sizeof *glance);

	if (!glance)
		return false;
	if (list->n > 0 && list->n >= list->most)
		leave(first_of(list));
	glance->list = list;
	glance->spec = *spec;
	glance->peer = *spec->peer;
	glance->fd = fd;
	glance->reaper.run = run_reaper;
	chain_ref(spec->chain);
	ev_io_init(&glance->io, on_io, fd, EV_READ);
	glance->io.data = glance;
	list_append(&list->all, &glance->node);
	list->n++;
	deadline_init(&glance->deadline);
	deadline_start(&list->timing, &glance->deadline);
	look(glance, false);
	return true;
}
