#include "link/linger.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/zeroed.h"
#include "loop/loop.h"
#include "net/stream.h"

enum { LINGER_MS = 1000 };

struct lingerer {
	struct linger_list *list; /* borrowed */
	struct deadline deadline;
	struct list node;
	struct stream *stream; /* owned */
	struct buf last;       /* what is still to be written */
	bool shut;             /* half-closed, after all has been written */
	struct loop_task reap;
};

static void run_free_lingerer(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct lingerer, reap));
}

static void end_lingerer(struct lingerer *lingerer)
{
	struct loop *loop = stream_loop(lingerer->stream);

	deadline_stop(&lingerer->deadline);
	list_remove(&lingerer->node);
	lingerer->list->count--;
	buf_fini(&lingerer->last);
	stream_close(lingerer->stream, false);
	loop_reap(loop, &lingerer->reap);
}

/* Writes the last bytes, then half-closes. False: the connection is broken. */
static bool write_and_shut(struct lingerer *lingerer)
{
	while (lingerer->last.len > 0) {
		enum stream_io io;
		size_t n;

		io = stream_write(lingerer->stream, buf_bytes(&lingerer->last), lingerer->last.len,
		                  &n);
		if (io != STREAM_OK)
			return io == STREAM_AGAIN;
		buf_consume(&lingerer->last, n);
	}
	if (!lingerer->shut) {
		enum stream_io io = stream_shutdown(lingerer->stream);

		lingerer->shut = io == STREAM_OK;
		return io != STREAM_ERROR;
	}
	return true;
}

/* False: the peer has closed, or the connection is broken. */
static bool discard_input(struct lingerer *lingerer)
{
	struct loop *loop = stream_loop(lingerer->stream);
	size_t n;
	enum stream_io io = stream_read(lingerer->stream, loop_scratch(loop), LOOP_SCRATCH, &n);

	return io == STREAM_OK || io == STREAM_AGAIN;
}

static void serve_lingerer(struct lingerer *lingerer, unsigned events)
{
	bool goes_on = write_and_shut(lingerer);

	if (goes_on && events & STREAM_READABLE)
		goes_on = discard_input(lingerer);
	if (!goes_on) {
		end_lingerer(lingerer);
		return;
	}
	stream_want(lingerer->stream, SPORE_READ | (lingerer->shut ? 0 : SPORE_WRITE));
}

static void on_lingerer_stream(struct stream *stream, unsigned events, void *arg)
{
	(void)stream;
	serve_lingerer(arg, events);
}

static void on_lingerer_expired(struct deadline *deadline)
{
	end_lingerer(CONTAINER_OF(deadline, struct lingerer, deadline));
}

void linger_list_init(struct linger_list *list, struct loop *loop, const unsigned *most)
{
	deadline_list_init(&list->deadlines, loop, LINGER_MS, on_lingerer_expired);
	list_init(&list->all);
	list->count = 0;
	list->most = most;
}

void linger_list_fini(struct linger_list *list)
{
	while (!list_is_empty(&list->all))
		end_lingerer(CONTAINER_OF(list->all.next, struct lingerer, node));
	deadline_list_fini(&list->deadlines);
}

void linger_start(struct linger_list *list, struct stream *stream, struct buf *last)
{
	struct lingerer *lingerer = zeroed_new(sizeof *lingerer);

	if (!lingerer) {
		buf_fini(last);
		stream_close(stream, false);
		return;
	}
	lingerer->list = list;
	lingerer->stream = stream;
	lingerer->last = *last;
	*last = (struct buf){ 0 };
	lingerer->reap.run = run_free_lingerer;
	deadline_init(&lingerer->deadline);
	if (list->count >= *list->most)
		end_lingerer(CONTAINER_OF(list->all.next, struct lingerer, node));
	list_append(&list->all, &lingerer->node);
	list->count++;
	deadline_start(&list->deadlines, &lingerer->deadline);
	stream_set_owner(stream, on_lingerer_stream, lingerer);
	serve_lingerer(lingerer, 0);
}
