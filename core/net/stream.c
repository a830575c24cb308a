#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/container.h"
#include "loop/loop.h"
#include "net/sock.h"

/* The lowest layer: a spore_stream of the host over the socket. */
struct bottom {
	spore_stream base;
	int fd;
	int cause;  /* errno of the last failure */
	bool lost;  /* the connection is broken: an end of file is not an orderly end */
	bool heard; /* a byte has come */
	bool ended; /* an end of file has come */
};

/* Invariants: The watcher runs only while the stream is open or opening, and only for what the
 * owner or a transport waits for. `raw` is 0 until the stream is open and no transport holds bytes
 * back. blocked_* say for which readiness of the descriptor a direction waits: mostly its own, but
 * the read of a transport may wait until the descriptor is writable. */
struct stream {
	struct spore_conn conn;
	struct bottom bottom;
	ev_io io;
	struct loop *loop; /* borrowed: outlives all its streams */
	stream_fn fn;
	void *arg;
	spore_ticket ticket; /* for the handshake; 0 once it is over */
	void (*drop_ticket)(spore_ticket ticket);
	void (*release)(void *kept); /* may be NULL */
	void *kept;
	struct loop_task ready; /* at the end of this turn: after stream_wake or a failure */
	struct loop_task more;  /* in the next turn: a transport holds bytes back */
	struct loop_task reap;
	uint8_t want, blocked_read, blocked_write, flush_wants, raw;
	uint8_t shaking; /* layer whose handshake runs; n_layers when open */
	bool open, opening, failed, closed, dead, raw_is_known;
};

static const spore_stream_ops bottom_ops;

static struct bottom *bottom_of(spore_stream *stream)
{
	return CONTAINER_OF(stream, struct bottom, base);
}

/* ---- life ---- */

static void on_io(struct ev_loop *ev, ev_io *io, int events);

static void run_free_stream(struct loop_task *task)
{
	struct stream *stream = CONTAINER_OF(task, struct stream, reap);

	stream->dead = true;
	if (stream->release)
		stream->release(stream->kept);
	if (!stream->more.queued)
		free(stream); /* else run_more frees it */
}

static void run_ready(struct loop_task *task);
static void run_more(struct loop_task *task);

static void wake_conn(struct spore_conn *conn)
{
	stream_wake(CONTAINER_OF(conn, struct stream, conn));
}

struct stream *stream_new(struct loop *loop, int fd, const spore_addr *peer,
                          const spore_addr *local)
{
	struct stream *stream = calloc(1, sizeof *stream);

	if (!stream)
		return NULL;
	stream->bottom.base.ops = &bottom_ops;
	stream->bottom.fd = fd;
	stream->conn.peer = *peer;
	if (local)
		stream->conn.local = *local;
	stream->conn.wake = wake_conn;
	stream->conn.layers[0] = &stream->bottom.base;
	stream->conn.n_layers = 1;
	stream->loop = loop;
	stream->blocked_read = SPORE_READ;
	stream->blocked_write = SPORE_WRITE;
	stream->ready.run = run_ready;
	stream->more.run = run_more;
	stream->reap.run = run_free_stream;
	ev_io_init(&stream->io, on_io, fd, 0);
	stream->io.data = stream;
	return stream;
}

void stream_keep(struct stream *stream, void (*release)(void *kept), void *kept)
{
	stream->release = release;
	stream->kept = kept;
}

void stream_set_ticket(struct stream *stream, spore_ticket ticket,
                       void (*drop)(spore_ticket ticket))
{
	stream->ticket = ticket;
	stream->drop_ticket = drop;
}

static void drop_ticket(struct stream *stream)
{
	if (stream->ticket)
		stream->drop_ticket(stream->ticket);
	stream->ticket = 0;
}

void stream_close(struct stream *stream, bool reset)
{
	spore_stream *top;

	if (!stream || stream->closed)
		return;
	stream->closed = true;
	stream->fn = NULL;
	drop_ticket(stream);
	ev_io_stop(loop_ev(stream->loop), &stream->io);
	top = stream_top(stream);
	top->ops->close(top, reset ? SPORE_CLOSE_RST : SPORE_CLOSE_FIN);
	stream->conn.n_layers = 0;
	loop_reap(stream->loop, &stream->reap);
}

spore_conn *stream_conn(struct stream *stream)
{
	return &stream->conn;
}

spore_stream *stream_top(struct stream *stream)
{
	return stream->conn.layers[stream->conn.n_layers - 1];
}

void stream_push(struct stream *stream, spore_stream *upper, bool secure)
{
	struct spore_conn *conn = &stream->conn;

	if (upper != stream_top(stream)) {
		assert(conn->n_layers < CONN_MAX_LAYERS);
		conn->layers[conn->n_layers++] = upper;
	}
	conn->claims[conn->n_layers - 1] |= secure;
}

void stream_set_owner(struct stream *stream, stream_fn fn, void *arg)
{
	stream->fn = fn;
	stream->arg = arg;
}

/* ---- waiting ---- */

static void rearm(struct stream *stream)
{
	unsigned needs = stream->flush_wants;
	int events;

	if (stream->closed)
		return;
	if (stream->want & SPORE_READ)
		needs |= stream->blocked_read;
	if (stream->want & SPORE_WRITE)
		needs |= stream->blocked_write;
	events = (needs & SPORE_READ ? EV_READ : 0) | (needs & SPORE_WRITE ? EV_WRITE : 0);
	if (events == (stream->io.events & (EV_READ | EV_WRITE)) &&
	    (events != 0) == ev_is_active(&stream->io))
		return;
	ev_io_stop(loop_ev(stream->loop), &stream->io);
	/* ev_io_set would cause a system call even if nothing has changed. */
	ev_io_modify(&stream->io, events);
	if (events)
		ev_io_start(loop_ev(stream->loop), &stream->io);
}

static bool has_pending(struct stream *stream)
{
	spore_stream *top = stream_top(stream);

	return !(stream->raw & SPORE_READ) && SPORE_CAN(top->ops, pending) &&
	       top->ops->pending(top) > 0;
}

static void deliver_events(struct stream *stream, unsigned events)
{
	if (stream->fn && events)
		stream->fn(stream, events, stream->arg);
	if (stream->closed)
		return;
	/* Bytes that a transport holds back do not make the descriptor readable. */
	if (stream->open && stream->want & SPORE_READ && has_pending(stream))
		loop_next_turn(stream->loop, &stream->more);
	rearm(stream);
}

void stream_want(struct stream *stream, unsigned directions)
{
	if (stream->closed)
		return;
	stream->want = (uint8_t)directions;
	if (stream->open && directions & SPORE_READ && has_pending(stream))
		loop_next_turn(stream->loop, &stream->more);
	rearm(stream);
}

void stream_fail(struct stream *stream)
{
	stream->failed = true;
	stream_wake(stream);
}

void stream_wake(struct stream *stream)
{
	if (!stream->closed)
		loop_at_turn_end(stream->loop, &stream->ready);
}

static void flush_layer(struct stream *stream, spore_stream *layer)
{
	uint32_t wants = 0;

	stream->flush_wants = 0;
	if (!SPORE_CAN(layer->ops, flush))
		return;
	/* The next read or write reports a failure. */
	if (layer->ops->flush(layer, &wants) == SPORE_EAGAIN)
		stream->flush_wants = (uint8_t)wants;
}

static void flush(struct stream *stream)
{
	flush_layer(stream, stream_top(stream));
}

/* ---- opening ---- */

/* Bytes that a transport holds back come before the bytes of the descriptor, so a direction is raw
 * only once there are none. */
static void ask_raw(struct stream *stream)
{
	spore_stream *top = stream_top(stream);

	if (!stream->open || has_pending(stream))
		return;
	stream->raw_is_known = true;
	if (SPORE_CAN(top->ops, raw))
		stream->raw = (uint8_t)top->ops->raw(top);
}

static void become_open(struct stream *stream)
{
	stream->opening = false;
	stream->open = true;
	drop_ticket(stream);
	stream->conn.peer_is_final = true;
	stream->conn.secure = conn_has_secure_layer(&stream->conn);
	stream->blocked_read = SPORE_READ;
	stream->blocked_write = SPORE_WRITE;
	ask_raw(stream);
}

/* Continues the handshakes as far as possible: OK, AGAIN or ERROR. */
static enum stream_io shake_hands(struct stream *stream)
{
	while (stream->shaking < stream->conn.n_layers) {
		spore_stream *layer = stream->conn.layers[stream->shaking];
		uint32_t wants = 0;
		spore_status status = layer->ops->handshake(layer, &wants, stream->ticket);

		if (status == SPORE_EAGAIN || status == SPORE_EPENDING) {
			/* The owner wants no direction yet, so these are the handshake's. */
			stream->flush_wants = status == SPORE_EAGAIN ? (uint8_t)wants : 0;
			return STREAM_AGAIN;
		}
		if (status != SPORE_OK) {
			stream->failed = true;
			return STREAM_ERROR;
		}
		if (++stream->shaking < stream->conn.n_layers)
			flush_layer(stream, layer); /* the next layer may read first */
	}
	stream->flush_wants = 0;
	become_open(stream);
	return STREAM_OK;
}

bool stream_open(struct stream *stream)
{
	enum stream_io io;

	stream->opening = true;
	stream->shaking = 1; /* the bottom has no handshake */
	io = shake_hands(stream);
	if (io == STREAM_ERROR)
		loop_at_turn_end(stream->loop, &stream->ready); /* it tells the owner */
	if (io == STREAM_OK)
		flush(stream);
	rearm(stream);
	return io == STREAM_OK;
}

static void continue_opening(struct stream *stream)
{
	enum stream_io io = stream->failed ? STREAM_ERROR : shake_hands(stream);

	if (io == STREAM_AGAIN) {
		rearm(stream);
		return;
	}
	deliver_events(stream, io == STREAM_OK ? STREAM_OPENED : STREAM_FAILED);
	if (stream->closed || io == STREAM_ERROR)
		return;
	/* If the owner has written, the last bytes of the handshake have left with its bytes. If
	 * not, they leave now. */
	flush(stream);
	rearm(stream);
}

/* ---- events ---- */

static void on_io(struct ev_loop *ev, ev_io *io, int events)
{
	struct stream *stream = io->data;
	unsigned ready = (events & EV_READ ? SPORE_READ : 0) |
	                 (events & EV_WRITE ? SPORE_WRITE : 0);
	unsigned tell = 0;

	(void)ev;
	if (stream->opening) {
		continue_opening(stream);
		return;
	}
	if (stream->flush_wants & ready)
		flush(stream);
	if (stream->want & SPORE_READ && stream->blocked_read & ready)
		tell |= STREAM_READABLE;
	if (stream->want & SPORE_WRITE && stream->blocked_write & ready)
		tell |= STREAM_WRITABLE;
	deliver_events(stream, tell);
}

static void run_ready(struct loop_task *task)
{
	struct stream *stream = CONTAINER_OF(task, struct stream, ready);

	if (stream->closed)
		return;
	if (stream->opening) {
		continue_opening(stream);
		return;
	}
	if (stream->flush_wants)
		flush(stream);
	deliver_events(stream, (stream->want & SPORE_READ ? STREAM_READABLE : 0) |
	                               (stream->want & SPORE_WRITE ? STREAM_WRITABLE : 0));
}

static void run_more(struct loop_task *task)
{
	struct stream *stream = CONTAINER_OF(task, struct stream, more);

	if (stream->dead)
		free(stream);
	else if (!stream->closed)
		deliver_events(stream, stream->want & SPORE_READ ? STREAM_READABLE : 0);
}

/* ---- bytes ---- */

static enum stream_io io_result(int64_t n, uint32_t wants, uint8_t *blocked, uint8_t own,
                                size_t *n_out)
{
	*n_out = 0;
	if (n > 0) {
		*n_out = (size_t)n;
		*blocked = own;
		return STREAM_OK;
	}
	if (n == 0)
		return STREAM_EOF;
	if (n != SPORE_EAGAIN)
		return STREAM_ERROR;
	*blocked = wants ? (uint8_t)wants : own;
	return STREAM_AGAIN;
}

static int64_t bottom_readv(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want);
static int64_t bottom_writev(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want);
static void bottom_lose(struct bottom *bottom, int cause);

enum stream_io stream_read(struct stream *stream, void *bytes, size_t len, size_t *n_out)
{
	spore_stream *top = stream_top(stream);
	spore_iov iov = { bytes, len };
	uint32_t wants = 0;
	int64_t n = stream->raw & SPORE_READ ? bottom_readv(&stream->bottom.base, &iov, 1, &wants)
	                                     : top->ops->readv(top, &iov, 1, &wants);

	return io_result(n, wants, &stream->blocked_read, SPORE_READ, n_out);
}

enum stream_io stream_write(struct stream *stream, const void *bytes, size_t len, size_t *n_out)
{
	spore_stream *top = stream_top(stream);
	spore_iov iov = { (void *)(uintptr_t)bytes, len };
	uint32_t wants = 0;
	int64_t n;

	if (stream->raw & SPORE_WRITE) {
		n = bottom_writev(&stream->bottom.base, &iov, 1, &wants);
		return io_result(n, wants, &stream->blocked_write, SPORE_WRITE, n_out);
	}
	n = top->ops->writev(top, &iov, 1, &wants);
	if (n > 0)
		flush(stream);
	return io_result(n, wants, &stream->blocked_write, SPORE_WRITE, n_out);
}

enum stream_io stream_shutdown(struct stream *stream)
{
	spore_stream *top = stream_top(stream);
	uint32_t wants = 0;
	spore_status status = top->ops->shutdown(top, &wants);

	if (status == SPORE_EAGAIN)
		stream->blocked_write = wants ? (uint8_t)wants : SPORE_WRITE;
	return status == SPORE_OK       ? STREAM_OK
	       : status == SPORE_EAGAIN ? STREAM_AGAIN
	                                : STREAM_ERROR;
}

unsigned stream_raw(struct stream *stream)
{
	if (!stream->raw_is_known && !stream->closed)
		ask_raw(stream);
	return stream->raw;
}

bool stream_is_bare(const struct stream *stream)
{
	return stream->conn.n_layers == 1;
}

void stream_lose(struct stream *stream, int cause)
{
	bottom_lose(&stream->bottom, cause);
}

bool stream_is_lost(const struct stream *stream)
{
	return stream->bottom.lost;
}

bool stream_left_unheard(const struct stream *stream)
{
	return !stream->bottom.heard && (stream->bottom.ended || stream->bottom.lost);
}

int stream_fd(const struct stream *stream)
{
	return stream->bottom.fd;
}

struct loop *stream_loop(const struct stream *stream)
{
	return stream->loop;
}

const char *stream_complaint(struct stream *stream)
{
	for (unsigned i = stream->conn.n_layers; i-- > 1;) {
		spore_stream *layer = stream->conn.layers[i];
		const char *text = SPORE_CAN(layer->ops, error) ? layer->ops->error(layer) : NULL;

		if (text)
			return text;
	}
	return NULL;
}

const char *stream_error(struct stream *stream)
{
	const char *text = stream_complaint(stream);

	if (!text && stream->bottom.cause)
		text = strerrordesc_np(stream->bottom.cause);
	return text ? text : "unknown cause";
}

/* ---- the bottom ---- */

static spore_status bottom_handshake(spore_stream *base, uint32_t *want, spore_ticket ticket)
{
	(void)base;
	(void)want;
	(void)ticket;
	return SPORE_OK;
}

/* The kernel reports a broken connection only once, to the first call that fails. Later calls get
 * an end of file, so the failure is kept. EPIPE does not count: the peer had ended its stream
 * before, and its bytes are complete. */
static void bottom_lose(struct bottom *bottom, int cause)
{
	bottom->cause = cause;
	bottom->lost = bottom->lost || cause != EPIPE;
}

static int64_t bottom_failed(struct bottom *bottom, uint32_t *want, uint32_t direction)
{
	if (errno == EAGAIN || errno == EINTR) {
		*want = direction;
		return SPORE_EAGAIN;
	}
	bottom_lose(bottom, errno);
	return errno == ECONNRESET || errno == EPIPE ? SPORE_ECLOSED : SPORE_ESYS;
}

static int64_t bottom_readv(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct bottom *bottom = bottom_of(base);
	ssize_t got = n == 1 ? read(bottom->fd, iov->base, iov->len)
	                     : readv(bottom->fd, (const struct iovec *)(const void *)iov, (int)n);

	if (got < 0)
		return bottom_failed(bottom, want, SPORE_READ);
	bottom->heard = bottom->heard || got > 0;
	bottom->ended = bottom->ended || got == 0;
	return got == 0 && bottom->lost ? SPORE_ECLOSED : got;
}

static int64_t bottom_writev(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct bottom *bottom = bottom_of(base);
	ssize_t put = n == 1 ? write(bottom->fd, iov->base, iov->len)
	                     : writev(bottom->fd, (const struct iovec *)(const void *)iov, (int)n);

	return put >= 0 ? put : bottom_failed(bottom, want, SPORE_WRITE);
}

static spore_status bottom_shutdown(spore_stream *base, uint32_t *want)
{
	struct bottom *bottom = bottom_of(base);

	(void)want;
	if (shutdown(bottom->fd, SHUT_WR) == 0)
		return SPORE_OK;
	bottom->cause = errno;
	return SPORE_ECLOSED;
}

static void bottom_close(spore_stream *base, uint32_t how)
{
	struct bottom *bottom = bottom_of(base);

	if (how == SPORE_CLOSE_RST)
		sock_reset(bottom->fd);
	else
		close(bottom->fd);
	bottom->fd = -1;
}

static int bottom_fd(spore_stream *base)
{
	return bottom_of(base)->fd;
}

static uint32_t bottom_raw(spore_stream *base)
{
	(void)base;
	return SPORE_READ | SPORE_WRITE;
}

static const spore_stream_ops bottom_ops = {
	.struct_size = sizeof(spore_stream_ops),
	.handshake = bottom_handshake,
	.readv = bottom_readv,
	.writev = bottom_writev,
	.shutdown = bottom_shutdown,
	.close = bottom_close,
	.fd = bottom_fd,
	.raw = bottom_raw,
};
