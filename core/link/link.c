#include "link/link.h"

#include "base/container.h"
#include "net/stream.h"

static void update_wants(struct link *link)
{
	bool reads = !link->ended && (!link->paused || link->in.len < link->most_in);

	if (link->stream)
		stream_want(link->stream,
		            (reads ? SPORE_READ : 0) | (link->out.len ? SPORE_WRITE : 0));
}

/* Tells the owner of the end, once. The owner may close the link. */
static void tell_end(struct link *link, const char *why)
{
	link->ended = true;
	update_wants(link);
	if (link->end_told)
		return;
	link->end_told = true;
	link->events->on_end(link, why);
}

/* Skips an invalid frame. After one that is too long, the start of the next frame is unknown, so
 * all further input is dropped. */
static void skip_frame(struct link *link, enum frame_state state, size_t len)
{
	link->discarding = state == FRAME_TOO_LONG;
	buf_consume(&link->in, link->discarding ? link->in.len : len + 1);
}

/* As for bore, the end of the stream also ends the last frame. */
static void end_last_frame(struct link *link)
{
	if (!buf_append(&link->in, "", 1, link->most_in + 1))
		tell_end(link, "out of memory");
}

/* Nothing is read after an invalid frame, so the link pauses. */
static void tell_fault(struct link *link, enum frame_state state)
{
	link->paused = true;
	link->events->on_fault(link, state == FRAME_WHOLE ? LINK_UNPARSABLE : LINK_TOO_LONG);
}

/* Delivers the kept messages until the owner pauses, takes or closes the link. */
static void deliver_messages(struct link *link)
{
	struct message message;
	size_t len;

	while (link->stream && !link->paused) {
		enum frame_state state = frame_next(buf_bytes(&link->in), link->in.len, &len);
		const char *text = (const char *)buf_bytes(&link->in);
		bool good;

		if (state == FRAME_PARTIAL && !link->ended)
			return;
		if (state == FRAME_PARTIAL && link->in.len == 0) {
			tell_end(link, NULL);
			return;
		}
		if (state == FRAME_PARTIAL) {
			end_last_frame(link);
			continue;
		}
		good = state == FRAME_WHOLE && message_parse(link->incoming, text, len, &message);
		if (good) {
			buf_consume(&link->in, len + 1);
			link->events->on_message(link, &message);
		} else if (link->lenient) {
			skip_frame(link, state, len);
		} else {
			tell_fault(link, state);
			return;
		}
	}
}

static void on_readable(struct link *link)
{
	struct loop *loop = stream_loop(link->stream);
	size_t kept = link->in.len < link->most_in ? link->in.len : link->most_in;
	size_t room = link->discarding ? LOOP_SCRATCH : link->most_in - kept, n;
	enum stream_io io;

	if (room == 0)
		return;
	io = stream_read(link->stream, loop_scratch(loop), room, &n);

	if (io == STREAM_OK && !link->discarding) {
		if (!buf_append(&link->in, loop_scratch(loop), n, link->most_in)) {
			tell_end(link, "out of memory");
			return;
		}
		deliver_messages(link);
	} else if (io == STREAM_EOF) {
		link->ended = true;
		deliver_messages(link);
	} else if (io == STREAM_ERROR) {
		tell_end(link, stream_error(link->stream));
	}
}

/* False: the connection is broken, and the owner has been told. */
static bool write_out(struct link *link)
{
	while (link->stream && link->out.len > 0) {
		enum stream_io io;
		size_t n;

		io = stream_write(link->stream, buf_bytes(&link->out), link->out.len, &n);
		if (io == STREAM_AGAIN)
			break;
		if (io != STREAM_OK) {
			tell_end(link, stream_error(link->stream));
			return false;
		}
		buf_consume(&link->out, n);
	}
	return true;
}

static void on_link_stream(struct stream *stream, unsigned events, void *arg)
{
	struct link *link = arg;

	(void)stream;
	if (events & STREAM_WRITABLE && !write_out(link))
		return;
	if (link->stream && events & STREAM_READABLE)
		on_readable(link);
	update_wants(link);
}

void link_push(struct link *link)
{
	enum stream_io io = STREAM_OK;
	size_t n;

	while (link->stream && link->out.len > 0 && io == STREAM_OK) {
		io = stream_write(link->stream, buf_bytes(&link->out), link->out.len, &n);
		if (io == STREAM_OK)
			buf_consume(&link->out, n);
	}
}

/* At the end of the turn: writes what was sent in it, then delivers what was kept. */
static void run_flush(struct loop_task *task)
{
	struct link *link = CONTAINER_OF(task, struct link, flush);

	if (!link->stream || !write_out(link))
		return;
	if (!link->paused && (link->in.len > 0 || link->ended))
		deliver_messages(link);
	update_wants(link);
}

void link_init(struct link *link, struct stream *stream, enum message_direction incoming,
               const struct link_events *events)
{
	*link = (struct link){
		.stream = stream, .incoming = incoming, .events = events, .most_in = LINK_MAX_IN
	};
	link->flush.run = run_flush;
	stream_set_owner(stream, on_link_stream, link);
	update_wants(link);
}

bool link_receive(struct link *link, struct buf *received, size_t most)
{
	link->in = *received;
	*received = (struct buf){ 0 };
	if (link->in.len > 0)
		loop_at_turn_end(stream_loop(link->stream), &link->flush);
	return link->in.len <= most;
}

void link_fini(struct link *link, bool reset)
{
	buf_fini(&link->in);
	buf_fini(&link->out);
	stream_close(link->stream, reset);
	link->stream = NULL;
}

bool link_send_bytes(struct link *link, const void *bytes, size_t len)
{
	if (!link->stream || !buf_append(&link->out, bytes, len, LINK_MAX_OUT))
		return false;
	loop_at_turn_end(stream_loop(link->stream), &link->flush);
	return true;
}

bool link_send(struct link *link, const struct message *message)
{
	char frame[FRAME_MAX + 1];

	return link_send_bytes(link, frame, message_format(message, frame));
}

size_t link_backlog(const struct link *link)
{
	return link->out.len;
}

void link_pause(struct link *link)
{
	link->paused = true;
	update_wants(link);
}

void link_resume(struct link *link)
{
	link->paused = false;
	update_wants(link);
	if (link->stream)
		loop_at_turn_end(stream_loop(link->stream), &link->flush);
}

void link_extend(struct link *link, enum message_direction incoming, bool lenient)
{
	link->incoming = incoming;
	link->lenient = lenient;
	link_resume(link);
}

void link_widen(struct link *link, size_t most)
{
	link->most_in = most;
	update_wants(link);
}

void link_finish(struct link *link, struct linger_list *lingerers)
{
	struct stream *stream = link->stream;

	buf_fini(&link->in);
	link->stream = NULL;
	if (stream)
		linger_start(lingerers, stream, &link->out);
}

struct stream *link_take(struct link *link, struct buf *received_out, struct buf *unsent_out)
{
	struct stream *stream = link->stream;

	link->stream = NULL;
	*received_out = link->in;
	*unsent_out = link->out;
	link->in = link->out = (struct buf){ 0 };
	stream_set_owner(stream, NULL, NULL);
	stream_want(stream, 0);
	return stream;
}
