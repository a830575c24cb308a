#include "route/glance.h"

#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/container.h"
#include "chain/plugin_set.h"
#include "loop/loop.h"
#include "net/stream.h"

struct glance {
	struct list node;
	struct glance_list *list;
	struct glance_spec spec; /* with a reference to the chain */
	spore_addr peer;
	struct deadline deadline;
	struct loop_task reaper;
	ev_io io;              /* of a bare socket */
	int fd;                /* owned; -1: there is a stream */
	struct stream *stream; /* owned; NULL: a bare socket */
	struct buf bytes;      /* that were read from the stream */
	size_t n, need;        /* bytes at the last look, and at the next one */
	unsigned looks;        /* so far */
};

static const struct route_answer no_answer;

/* ---- the end ---- */

static void run_reaper(struct loop_task *task)
{
	struct glance *glance = CONTAINER_OF(task, struct glance, reaper);

	chain_unref(glance->spec.chain);
	free(glance);
}

static void release_socket(struct glance *glance, bool has_left)
{
	ev_io_stop(loop_ev(glance->list->loop), &glance->io);
	loop_forget_fd(glance->list->loop, glance->fd);
	if (has_left)
		close(glance->fd);
	else if (glance->looks > 1)
		setsockopt(glance->fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ 1 }, sizeof(int));
}

static void release_stream(struct glance *glance, bool has_left)
{
	stream_want(glance->stream, 0);
	stream_set_owner(glance->stream, NULL, NULL);
	if (has_left)
		stream_close(glance->stream, false);
	else if (glance->bytes.len > 0)
		stream_unread(glance->stream, &glance->bytes);
	buf_fini(&glance->bytes);
}

static void end(struct glance *glance, enum route_verdict verdict,
                const struct route_answer *answer, bool has_left)
{
	struct loop *loop = glance->list->loop;

	deadline_stop(&glance->deadline);
	list_remove(&glance->node);
	glance->list->n--;
	if (glance->stream)
		release_stream(glance, has_left);
	else
		release_socket(glance, has_left);
	glance->spec.on_decided(has_left, verdict, answer, glance->spec.arg);
	loop_reap(loop, &glance->reaper);
}

static void leave(struct glance *glance)
{
	end(glance, ROUTE_NONE, &no_answer, true);
}

/* ---- asking ---- */

/* Lets the loop sleep until there are so many bytes. */
static void await_bytes(struct glance *glance, size_t need)
{
	int low = need < GLANCE_MAX ? (int)need : GLANCE_MAX;

	glance->need = (size_t)low;
	if (glance->stream) {
		stream_want(glance->stream, SPORE_READ);
		return;
	}
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
		.conn = glance->stream ? stream_conn(glance->stream) : NULL,
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

/* ---- a bare socket ---- */

/* The visitor sends nothing more. */
static bool is_finished(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLRDHUP };

	return poll(&pollfd, 1, 0) > 0 && pollfd.revents & (POLLRDHUP | POLLHUP | POLLERR);
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

/* ---- a stream ---- */

/* There may be no byte yet: a route may know the name by what the transports know. */
static void ask_of_stream(struct glance *glance, bool is_end)
{
	size_t n = glance->bytes.len;

	ask(glance, n > 0 ? buf_bytes(&glance->bytes) : (const uint8_t *)"", n, is_end);
}

/* STREAM_ERROR, too, if memory is out. */
static enum stream_io read_more(struct glance *glance)
{
	uint8_t *bytes = loop_scratch(glance->list->loop);
	size_t n;
	enum stream_io io = stream_read(glance->stream, bytes, GLANCE_MAX - glance->bytes.len, &n);

	if (io == STREAM_OK && !buf_append(&glance->bytes, bytes, n, GLANCE_MAX))
		return STREAM_ERROR;
	return io;
}

static void look_at_stream(struct glance *glance)
{
	enum stream_io io = read_more(glance);

	if (io == STREAM_ERROR || (io == STREAM_EOF && glance->bytes.len == 0))
		leave(glance);
	else if (io == STREAM_EOF)
		ask_of_stream(glance, true);
	else if ((io == STREAM_OK || glance->looks == 0) && glance->bytes.len >= glance->need)
		ask_of_stream(glance, false);
	else
		stream_want(glance->stream, SPORE_READ);
}

static void on_stream(struct stream *stream, unsigned events, void *arg)
{
	(void)stream;
	(void)events;
	look_at_stream(arg);
}

static void on_expired(struct deadline *deadline)
{
	struct glance *glance = CONTAINER_OF(deadline, struct glance, deadline);

	if (glance->stream)
		ask_of_stream(glance, true);
	else
		look(glance, true);
}

/* ---- the list ---- */

void glance_list_init(struct glance_list *list, struct loop *loop, int64_t timeout_ms,
                      unsigned most)
{
	*list = (struct glance_list){ .loop = loop, .most = most };
	list_init(&list->all);
	deadline_list_init(&list->timing, loop, timeout_ms, on_expired);
}

void glance_list_set(struct glance_list *list, int64_t timeout_ms, unsigned most)
{
	deadline_list_set(&list->timing, timeout_ms);
	list->most = most;
}

static struct glance *first_of(const struct glance_list *list)
{
	return CONTAINER_OF(list->all.next, struct glance, node);
}

unsigned glance_list_release(struct glance_list *list, unsigned most)
{
	unsigned n = 0;
	struct list *next;

	for (struct list *i = list->all.next; i != &list->all && n < most; i = next) {
		struct glance *glance = CONTAINER_OF(i, struct glance, node);

		next = i->next;
		if (glance->stream)
			continue;
		end(glance, ROUTE_MORE, &no_answer, false);
		n++;
	}
	return n;
}

void glance_list_end_all(struct glance_list *list)
{
	while (!list_is_empty(&list->all))
		leave(first_of(list));
}

void glance_list_fini(struct glance_list *list)
{
	glance_list_end_all(list);
	deadline_list_fini(&list->timing);
}

/* Makes room for one more. NULL: out of memory. */
static struct glance *add_glance(struct glance_list *list, const struct glance_spec *spec)
{
	struct glance *glance = calloc(1, sizeof *glance);

	if (!glance)
		return NULL;
	if (list->n > 0 && list->n >= list->most)
		leave(first_of(list));
	glance->list = list;
	glance->spec = *spec;
	glance->peer = *spec->peer;
	glance->reaper.run = run_reaper;
	chain_ref(spec->chain);
	list_append(&list->all, &glance->node);
	list->n++;
	deadline_init(&glance->deadline);
	deadline_start(&list->timing, &glance->deadline);
	return glance;
}

bool glance_start(struct glance_list *list, int fd, const struct glance_spec *spec)
{
	struct glance *glance = add_glance(list, spec);

	if (!glance)
		return false;
	glance->fd = fd;
	ev_io_init(&glance->io, on_io, fd, EV_READ);
	glance->io.data = glance;
	look(glance, false);
	return true;
}

bool glance_start_stream(struct glance_list *list, struct stream *stream,
                         const struct glance_spec *spec)
{
	struct glance *glance = add_glance(list, spec);

	if (!glance)
		return false;
	glance->fd = -1;
	glance->stream = stream;
	stream_set_owner(stream, on_stream, glance);
	look_at_stream(glance);
	return true;
}
