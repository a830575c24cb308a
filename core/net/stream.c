#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/zeroed.h"
#include "lane/lane.h"
#include "log/log.h"
#include "log/pace.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/bottom.h"
#include "net/layer.h"

/* Invariants: The watcher runs only while the stream is open or opening, and only for what the
 * owner or a transport waits for. `raw` is 0 until the stream is open and no transport holds bytes
 * back. blocked_* say for which readiness of the descriptor a direction waits: mostly its own, but
 * the read of a transport may wait until the descriptor is writable. While the stream is detached
 * it has no loop, and nothing is queued or watched. */
struct stream {
	struct spore_conn conn;
	struct bottom bottom;
	ev_io io;
	struct loop *loop; /* borrowed: outlives all its streams; NULL: detached */
	stream_fn fn;
	void *arg;
	spore_ticket ticket; /* for the handshake; 0 once it is over */
	void (*drop_ticket)(spore_ticket ticket);
	void (*release)(void *kept); /* may be NULL */
	void *kept;
	struct loop_task ready; /* at the end of this turn: after stream_wake or a failure */
	struct loop_task more;  /* in the next turn: a transport holds bytes back */
	struct loop_task reap;
	/* The last call of this turn that returned SPORE_EAGAIN; NULL: none. See end_turn. */
	const char *waiting;
	char *fault; /* owned; which transport failed and how, for the log; NULL: none */
	uint8_t want, blocked_read, blocked_write, flush_wants, raw;
	struct buf unread; /* bytes that were given back; they come before all others */
	struct lane *lane; /* owned; frames the bytes of the present user; NULL: none */
	uint8_t framed;    /* directions in which it does; 0 without a lane */
	const struct stream_home *home; /* of the lane */
	void *home_arg;
	uint8_t shaking; /* layer whose handshake runs; n_layers when open */
	bool open, opening, closed, raw_is_known;
	bool forgotten; /* libev believes that the epoll set has the descriptor, which it has not */
	bool lent;      /* see stream_lend */
	bool failed;    /* the handshake has failed */
	bool dead;      /* to be freed as soon as `more` is not queued */
	bool delivering; /* deliver_events runs, and calls wait_for_wants at its end */
	bool is_broken;  /* a transport broke the contract, and all layers are silenced */
};

/* ---- life ---- */

static void on_io(struct ev_loop *ev, ev_io *io, int events);

static void release_kept(struct stream *stream)
{
	if (stream->release)
		stream->release(stream->kept);
}

static void free_stream(struct stream *stream)
{
	buf_fini(&stream->unread);
	free(stream->fault);
	free(stream);
}

static void run_free_stream(struct loop_task *task)
{
	struct stream *stream = CONTAINER_OF(task, struct stream, reap);

	stream->dead = true;
	release_kept(stream);
	if (!stream->more.queued)
		free_stream(stream); /* else run_more does it */
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
	struct stream *stream = zeroed_new(sizeof *stream);

	if (!stream)
		return NULL;
	bottom_init(&stream->bottom, fd);
	stream->conn.peer = stream->conn.socket_peer = *peer;
	if (local)
		stream->conn.local = *local;
	stream->conn.wake = wake_conn;
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

/* ---- the layers ---- */

spore_stream *stream_top(struct stream *stream)
{
	const struct spore_conn *conn = &stream->conn;

	return conn->n_layers ? &conn->layers[conn->n_layers - 1]->base : &stream->bottom.base;
}

/* The layer that the host calls now: the one whose handshake runs, or else the top one. NULL: there
 * is only the socket. */
static struct layer *busy_layer(const struct stream *stream)
{
	const struct spore_conn *conn = &stream->conn;

	if (conn->n_layers == 0)
		return NULL;
	if (stream->shaking < conn->n_layers)
		return conn->layers[stream->shaking];
	return conn->layers[conn->n_layers - 1];
}

static void log_fault(const struct stream *stream, const struct layer *layer, const char *call,
                      const char *text)
{
	const struct layer_origin *origin = &layer->origin;
	char peer[ADDR_TEXT_SIZE];
	unsigned held = 0;

	if (origin->pace && !pace_allows(origin->pace, clock_ms(), &held))
		return;
	log_error("transport broke the contract of spore/transport.h: its connection ends",
	          log_str("plugin", origin->name), log_str("call", call), log_str("error", text),
	          log_str("peer", addr_format(&stream->conn.peer, peer)),
	          log_int("withheld", held));
}

/* Keeps the first fault for stream_complaint. */
static void keep_fault(struct stream *stream, const struct layer *layer, const char *text)
{
	if (!stream->fault &&
	    asprintf(&stream->fault, "transport %s: %s", layer->origin.name, text) < 0)
		stream->fault = NULL;
}

/* Ends the use of all layers. The owner learns of it from the call that it has made, or from the
 * events that it wants. */
static void on_layer_fault(struct layer *layer, const char *call, const char *text)
{
	struct stream *stream = layer->arg;

	log_fault(stream, layer, call, text);
	if (stream->is_broken)
		return;
	stream->is_broken = true;
	keep_fault(stream, layer, text);
	for (unsigned i = 0; i < stream->conn.n_layers; i++)
		layer_silence(stream->conn.layers[i]);
	stream->flush_wants = stream->raw = 0;
	stream->raw_is_known = true;
	stream->blocked_read = SPORE_READ;
	stream->blocked_write = SPORE_WRITE;
	stream->failed = stream->opening;
	stream_wake(stream);
}

bool stream_push(struct stream *stream, spore_stream *upper, const struct layer_origin *origin)
{
	struct spore_conn *conn = &stream->conn;
	struct layer *layer;

	if (upper == stream_top(stream)) {
		conn->claims_secure = conn->claims_secure || origin->secure;
		return true;
	}
	assert(conn->n_layers < CONN_MAX_LAYERS);
	layer = layer_new(upper, origin, on_layer_fault, stream);
	if (layer)
		conn->layers[conn->n_layers++] = layer;
	else
		upper->ops->close(upper, SPORE_CLOSE_RST); /* and what is below */
	return layer != NULL;
}

/* Closes what a transport above should have closed. */
static void close_forgotten(struct stream *stream, unsigned above)
{
	struct spore_conn *conn = &stream->conn;
	spore_stream *below = above ? &conn->layers[above - 1]->base : &stream->bottom.base;
	bool is_open = above ? !conn->layers[above - 1]->closed : stream->bottom.fd >= 0;

	if (!is_open)
		return;
	log_fault(stream, conn->layers[above], "close", "close() did not close the stream below");
	below->ops->close(below, SPORE_CLOSE_RST);
}

/* Each layer closes the one below. */
static void close_layers(struct stream *stream, uint32_t how)
{
	struct spore_conn *conn = &stream->conn;
	spore_stream *top = stream_top(stream);
	unsigned n = conn->n_layers;

	top->ops->close(top, stream->is_broken ? SPORE_CLOSE_RST : how);
	for (unsigned i = n; i-- > 0;)
		close_forgotten(stream, i);
	conn->n_layers = 0;
	while (n > 0)
		layer_free(conn->layers[--n]);
}

static void free_lane(struct stream *stream)
{
	lane_fini(stream->lane);
	free(stream->lane);
	stream->lane = NULL;
	stream->framed = 0;
}

/* The user is gone for good, and with it the way back. drop() may push the user's last bytes, which
 * may lead here again. */
static void end_lane(struct stream *stream)
{
	const struct stream_home *home = stream->home;

	if (!stream->lane || !home)
		return;
	stream->home = NULL;
	home->drop(stream->home_arg);
	free_lane(stream);
}

static void give_back(struct stream *stream)
{
	struct buf rest = lane_take_rest(stream->lane);

	free_lane(stream);
	stream->fn = NULL;
	stream->want = 0;
	stream->home->take_back(stream, &rest, stream->home_arg);
}

void stream_close(struct stream *stream, bool reset)
{
	if (!stream || stream->closed)
		return;
	if (!reset && stream->lane && lane_is_free(stream->lane)) {
		give_back(stream);
		return;
	}
	stream->closed = true;
	stream->fn = NULL;
	end_lane(stream);
	drop_ticket(stream);
	if (stream->loop)
		ev_io_stop(loop_ev(stream->loop), &stream->io);
	close_layers(stream, reset ? SPORE_CLOSE_RST : SPORE_CLOSE_FIN);
	if (stream->loop) {
		loop_reap(stream->loop, &stream->reap);
		return;
	}
	release_kept(stream);
	free_stream(stream);
}

spore_conn *stream_conn(struct stream *stream)
{
	return &stream->conn;
}

void stream_set_owner(struct stream *stream, stream_fn fn, void *arg)
{
	stream->fn = fn;
	stream->arg = arg;
}

/* ---- waiting ---- */

/* What the owner's directions and the flush are blocked by: EV_READ | EV_WRITE. */
static int needed_events(const struct stream *stream)
{
	unsigned needs = stream->flush_wants;

	if (stream->want & SPORE_READ)
		needs |= stream->blocked_read;
	if (stream->want & SPORE_WRITE)
		needs |= stream->blocked_write;
	return (needs & SPORE_READ ? EV_READ : 0) | (needs & SPORE_WRITE ? EV_WRITE : 0);
}

/* The peer has ended its direction. The descriptor is readable from now on, and an epoll set that
 * still had it would wake the loop for nothing. */
static void stop_and_forget(struct stream *stream)
{
	ev_io_stop(loop_ev(stream->loop), &stream->io);
	stream->forgotten = loop_forget_fd(stream->loop, stream->io.fd);
}

/* ev_io_set would cause a system call even if nothing has changed. */
static void set_events(struct stream *stream, int events)
{
	if (stream->forgotten)
		ev_io_set(&stream->io, stream->io.fd, events);
	else
		ev_io_modify(&stream->io, events);
	stream->forgotten = false;
}

/* Makes the watcher wait for what is needed. If nothing is, a watcher that waits for input goes on
 * until some comes: mostly input is needed again before, and starting anew is a system call. */
static void rearm(struct stream *stream)
{
	int events, watched;

	if (stream->closed || stream->lent)
		return;
	events = needed_events(stream);
	watched = ev_is_active(&stream->io) ? stream->io.events & (EV_READ | EV_WRITE) : 0;
	if (events == watched)
		return;
	if (events == 0 && stream->bottom.ended) {
		stop_and_forget(stream);
		return;
	}
	if (events == 0 && watched == EV_READ)
		return;
	ev_io_stop(loop_ev(stream->loop), &stream->io);
	set_events(stream, events);
	if (events)
		ev_io_start(loop_ev(stream->loop), &stream->io);
}

static bool has_pending(const struct stream *stream)
{
	const struct spore_conn *conn = &stream->conn;

	if (stream->unread.len > 0)
		return true;
	if (stream->framed & SPORE_READ && lane_has_input(stream->lane))
		return true;
	return !(stream->raw & SPORE_READ) && conn->n_layers > 0 &&
	       layer_pending(conn->layers[conn->n_layers - 1]) > 0;
}

bool stream_has_input(const struct stream *stream)
{
	return stream->open && !stream->closed && has_pending(stream);
}

static void wait_for_wants(struct stream *stream)
{
	/* Bytes that a transport holds back do not make the descriptor readable. */
	if (stream->want & SPORE_READ && stream_has_input(stream))
		loop_next_turn(stream->loop, &stream->more);
	rearm(stream);
}

static void deliver_events(struct stream *stream, unsigned events)
{
	stream->delivering = true;
	if (stream->fn && events)
		stream->fn(stream, events, stream->arg);
	stream->delivering = false;
	if (!stream->closed)
		wait_for_wants(stream);
}

void stream_want(struct stream *stream, unsigned directions)
{
	if (stream->closed)
		return;
	stream->want = (uint8_t)directions;
	if (!stream->delivering)
		wait_for_wants(stream);
}

void stream_lend(struct stream *stream)
{
	assert(stream_is_bare(stream));
	stream->want = 0;
	stream->lent = true;
	ev_io_stop(loop_ev(stream->loop), &stream->io);
}

void stream_take_back(struct stream *stream)
{
	stream->lent = false;
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
	/* Other errors are left to the next read or write, which meets and reports them. */
	if (layer->ops->flush(layer, &wants) == SPORE_EAGAIN) {
		stream->flush_wants = (uint8_t)wants;
		stream->waiting = "flush";
	}
}

/* A direction that has become plain is not the lane's business any more. */
static void leave_frames(struct stream *stream)
{
	stream->framed &= (uint8_t)~lane_raw(stream->lane);
	if (!stream->framed)
		end_lane(stream);
}

static void flush(struct stream *stream)
{
	uint32_t wants = 0;

	flush_layer(stream, stream_top(stream));
	if (!stream->lane || !lane_has_output(stream->lane))
		return;
	if (lane_flush(stream->lane, &wants) == SPORE_EAGAIN)
		stream->flush_wants |= (uint8_t)wants;
	else
		flush_layer(stream, stream_top(stream));
	leave_frames(stream);
}

/* ---- turns ---- */

static void begin_turn(struct stream *stream)
{
	stream->waiting = NULL;
}

/* In this turn the stream was called as ready. If such turns move no byte again and again, a
 * transport is at fault, and the worker would spin. */
static void end_turn(struct stream *stream)
{
	struct layer *layer = busy_layer(stream);
	size_t pending;

	if (!layer)
		return;
	if (stream->bottom.moved) {
		stream->bottom.moved = false;
		layer->stall.turns = 0;
		return;
	}
	if (!stream->waiting || stream->is_broken)
		return;
	pending = layer_pending(layer);
	if (stall_add(&layer->stall, pending, loop_now_ms(stream->loop)))
		layer_fault(layer, stream->waiting,
		            "%s() returned SPORE_EAGAIN in %u turns of %lld ms, but no byte moved "
		            "(pending() is %zu)",
		            stream->waiting, layer->stall.turns,
		            (long long)(loop_now_ms(stream->loop) - layer->stall.since_ms),
		            pending);
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
	if (stream->is_broken)
		stream->raw = 0;
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

/* A handshake has failed. If neither a transport nor the socket says why, the log names at least
 * the transport. */
static void keep_silent_fault(struct stream *stream, spore_status status)
{
	char text[80];

	if (stream_complaint(stream) || stream->bottom.cause)
		return;
	snprintf(text, sizeof text, "handshake() returned %d, and error() no reason", status);
	keep_fault(stream, busy_layer(stream), text);
}

/* A transport may have told who the peer is. False: the owner has closed the stream. */
static bool pass_on_peer(struct stream *stream)
{
	if (!stream->conn.peer_is_told)
		return true;
	stream->conn.peer_is_told = false;
	stream->bottom.heard = false;
	if (stream->fn)
		stream->fn(stream, STREAM_TOLD, stream->arg);
	return !stream->closed;
}

/* Continues the handshakes as far as possible: OK, AGAIN or ERROR. AGAIN, too, if the owner has
 * closed the stream. */
static enum stream_io shake_hands(struct stream *stream)
{
	while (stream->shaking < stream->conn.n_layers) {
		spore_stream *layer = &stream->conn.layers[stream->shaking]->base;
		uint32_t wants = 0;
		spore_status status = layer->ops->handshake(layer, &wants, stream->ticket);

		if (status == SPORE_EAGAIN || status == SPORE_EPENDING) {
			/* The owner wants no direction yet, so the watcher serves the handshake. */
			stream->flush_wants = status == SPORE_EAGAIN ? (uint8_t)wants : 0;
			stream->waiting = status == SPORE_EAGAIN ? "handshake" : NULL;
			return STREAM_AGAIN;
		}
		if (status != SPORE_OK) {
			stream->failed = true;
			keep_silent_fault(stream, status);
			return STREAM_ERROR;
		}
		stream->shaking++;
		if (!pass_on_peer(stream))
			return STREAM_AGAIN;
		if (stream->shaking < stream->conn.n_layers)
			flush_layer(stream, layer); /* the next layer may read first */
	}
	if (!pass_on_peer(stream)) /* wrap() may have told it */
		return STREAM_AGAIN;
	stream->flush_wants = 0;
	become_open(stream);
	return STREAM_OK;
}

bool stream_open(struct stream *stream)
{
	enum stream_io io;

	stream->opening = true;
	stream->shaking = 0;
	io = shake_hands(stream);
	if (io == STREAM_ERROR)
		loop_at_turn_end(stream->loop, &stream->ready); /* run_ready tells the owner */
	if (stream->closed)
		return false;
	if (io == STREAM_OK)
		flush(stream);
	rearm(stream);
	return io == STREAM_OK;
}

static void continue_opening(struct stream *stream)
{
	enum stream_io io = stream->failed ? STREAM_ERROR : shake_hands(stream);

	if (stream->closed)
		return;
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

/* The descriptor is ready in these directions: tries again what was blocked by one of them. */
static void try_again(struct stream *stream, unsigned ready)
{
	unsigned events = 0;

	if (stream->flush_wants & ready)
		flush(stream);
	if (stream->want & SPORE_READ && stream->blocked_read & ready)
		events |= STREAM_READABLE;
	if (stream->want & SPORE_WRITE && stream->blocked_write & ready)
		events |= STREAM_WRITABLE;
	deliver_events(stream, events);
}

static void take_turn(struct stream *stream, unsigned ready)
{
	begin_turn(stream);
	if (stream->opening)
		continue_opening(stream);
	else
		try_again(stream, ready);
	end_turn(stream);
}

/* libev reports an error or a hang-up of the descriptor as both events. */
static void on_io(struct ev_loop *ev, ev_io *io, int events)
{
	struct stream *stream = io->data;

	if (!(stream->want | stream->flush_wants)) {
		ev_io_stop(ev, io);
		return;
	}
	take_turn(stream,
	          (events & EV_READ ? SPORE_READ : 0) | (events & EV_WRITE ? SPORE_WRITE : 0));
}

static void run_ready(struct loop_task *task)
{
	struct stream *stream = CONTAINER_OF(task, struct stream, ready);

	if (!stream->closed && !stream->lent)
		take_turn(stream, SPORE_READ | SPORE_WRITE);
}

static void run_more(struct loop_task *task)
{
	struct stream *stream = CONTAINER_OF(task, struct stream, more);

	if (stream->dead) {
		free_stream(stream);
	} else if (!stream->closed) {
		begin_turn(stream);
		deliver_events(stream, stream->want & SPORE_READ ? STREAM_READABLE : 0);
		end_turn(stream);
	}
}

/* ---- bytes ---- */

static enum stream_io end_read(struct stream *stream, int64_t n, uint32_t wants, size_t *n_out)
{
	*n_out = 0;
	if (n > 0) {
		*n_out = (size_t)n;
		stream->blocked_read = SPORE_READ;
		stream->bottom.moved = true;
		return STREAM_OK;
	}
	if (n == 0)
		return STREAM_EOF;
	if (n != SPORE_EAGAIN)
		return STREAM_ERROR;
	stream->blocked_read = (uint8_t)wants;
	stream->waiting = "readv";
	return STREAM_AGAIN;
}

static enum stream_io end_write(struct stream *stream, int64_t n, uint32_t wants, size_t *n_out)
{
	*n_out = 0;
	if (n >= 0) {
		*n_out = (size_t)n;
		stream->blocked_write = SPORE_WRITE;
		stream->bottom.moved = true;
		return STREAM_OK;
	}
	if (n != SPORE_EAGAIN)
		return STREAM_ERROR;
	stream->blocked_write = (uint8_t)wants;
	stream->waiting = "writev";
	return STREAM_AGAIN;
}

/* What has come may mean that the lane must write: the end of the connection behind END. */
static int64_t read_user(struct stream *stream, void *bytes, size_t len, uint32_t *wants)
{
	int64_t n = lane_read(stream->lane, bytes, len, wants);

	if (lane_has_output(stream->lane))
		flush(stream);
	else
		leave_frames(stream);
	return n;
}

static int64_t write_user(struct stream *stream, const void *bytes, size_t len, bool is_last,
                          uint32_t *wants)
{
	int64_t n = is_last ? lane_write_last(stream->lane, bytes, len, wants)
	                    : lane_write(stream->lane, bytes, len, wants);

	if (n >= 0)
		flush(stream);
	if (stream->lane)
		leave_frames(stream);
	return n;
}

void stream_unread(struct stream *stream, struct buf *bytes)
{
	assert(stream->unread.len == 0 && !stream->lane);
	stream->unread = *bytes;
	*bytes = (struct buf){ 0 };
}

static int64_t read_again(struct stream *stream, void *bytes, size_t len)
{
	size_t n = stream->unread.len < len ? stream->unread.len : len;

	memcpy(bytes, buf_bytes(&stream->unread), n);
	buf_consume(&stream->unread, n);
	return (int64_t)n;
}

enum stream_io stream_read(struct stream *stream, void *bytes, size_t len, size_t *n_out)
{
	spore_stream *top = stream_top(stream);
	spore_iov iov = { bytes, len };
	uint32_t wants = 0;
	int64_t n;

	if (stream->unread.len > 0)
		n = read_again(stream, bytes, len);
	else if (stream->framed & SPORE_READ)
		n = read_user(stream, bytes, len, &wants);
	else if (stream->raw & SPORE_READ)
		n = bottom_readv(&stream->bottom.base, &iov, 1, &wants);
	else
		n = top->ops->readv(top, &iov, 1, &wants);
	return end_read(stream, n, wants, n_out);
}

bool stream_meets_end(struct stream *stream)
{
	uint8_t byte;
	ssize_t n;

	assert(stream_is_bare(stream));
	n = recv(stream->bottom.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		bottom_lose(&stream->bottom, errno); /* the kernel tells it once */
	if (n != 0 || stream->bottom.lost)           /* a broken connection has no end in order */
		return false;
	stream->bottom.ended = true;
	return true;
}

static enum stream_io write_bytes(struct stream *stream, const void *bytes, size_t len,
                                  bool is_last, size_t *n_out)
{
	spore_stream *top = stream_top(stream);
	spore_iov iov = { (void *)(uintptr_t)bytes, len };
	uint32_t wants = 0;
	int64_t n;

	if (stream->framed & SPORE_WRITE) {
		n = write_user(stream, bytes, len, is_last, &wants);
		return end_write(stream, n, wants, n_out);
	}
	if (stream->raw & SPORE_WRITE) {
		n = bottom_writev(&stream->bottom.base, &iov, 1, &wants);
		return end_write(stream, n, wants, n_out);
	}
	n = top->ops->writev(top, &iov, 1, &wants);
	if (n > 0)
		flush(stream);
	return end_write(stream, n, wants, n_out);
}

enum stream_io stream_write(struct stream *stream, const void *bytes, size_t len, size_t *n_out)
{
	return write_bytes(stream, bytes, len, false, n_out);
}

enum stream_io stream_write_last(struct stream *stream, const void *bytes, size_t len,
                                 size_t *n_out)
{
	return write_bytes(stream, bytes, len, true, n_out);
}

enum stream_io stream_shutdown(struct stream *stream)
{
	spore_stream *top = stream_top(stream);
	uint32_t wants = 0;
	spore_status status = stream->lane ? lane_end(stream->lane, &wants)
	                                   : top->ops->shutdown(top, &wants);

	if (stream->lane && status == SPORE_OK)
		flush(stream);
	if (status == SPORE_EAGAIN) {
		stream->blocked_write = (uint8_t)wants;
		stream->waiting = "shutdown";
	}
	return status == SPORE_OK       ? STREAM_OK
	       : status == SPORE_EAGAIN ? STREAM_AGAIN
	                                : STREAM_ERROR;
}

unsigned stream_raw(struct stream *stream)
{
	unsigned raw;

	if (!stream->raw_is_known && !stream->closed)
		ask_raw(stream);
	raw = stream->raw & ~stream->framed;
	return stream->unread.len > 0 ? raw & ~(unsigned)SPORE_READ : raw;
}

bool stream_is_bare(const struct stream *stream)
{
	return stream->conn.n_layers == 0 && !stream->lane;
}

/* ---- one user after another ---- */

bool stream_begin_user(struct stream *stream, const struct stream_home *home, void *arg,
                       struct buf *received, struct buf *unsent)
{
	bool merges = !(stream_raw(stream) & SPORE_WRITE);

	assert(!stream->lane);
	stream->lane = zeroed_new(sizeof *stream->lane);
	if (!stream->lane)
		return false;
	lane_begin(stream->lane, stream_top(stream), merges, received, unsent);
	stream->framed = SPORE_READ | SPORE_WRITE;
	stream->home = home;
	stream->home_arg = arg;
	if (lane_has_output(stream->lane))
		stream->flush_wants |= SPORE_WRITE;
	return true;
}

/* What a transport holds back does not wait. */
void stream_hold_user(struct stream *stream)
{
	lane_hold(stream->lane);
	flush(stream);
}

bool stream_release_user(struct stream *stream)
{
	bool held = lane_release(stream->lane);

	flush(stream);
	rearm(stream);
	return held;
}

void stream_push_user(struct stream *stream)
{
	lane_release(stream->lane);
	flush(stream);
}

bool stream_go_raw(struct stream *stream)
{
	if (stream->lane && !stream->lane->out.raw) {
		lane_go_raw(stream->lane);
		flush(stream);
	}
	return stream_raw(stream) & SPORE_WRITE;
}

bool stream_may_go_raw(struct stream *stream)
{
	if (!stream->raw_is_known && !stream->closed)
		ask_raw(stream);
	return stream->raw & SPORE_WRITE;
}

void stream_lose(struct stream *stream, int cause)
{
	bottom_lose(&stream->bottom, cause);
}

bool stream_is_lost(const struct stream *stream)
{
	return stream->bottom.lost;
}

bool stream_has_left(const struct stream *stream)
{
	return stream->bottom.ended || stream->bottom.lost;
}

bool stream_has_vanished(const struct stream *stream)
{
	int cause = stream->bottom.cause;

	return cause == ETIMEDOUT || cause == EHOSTUNREACH || cause == ENETUNREACH;
}

bool stream_left_unheard(const struct stream *stream)
{
	return !stream->bottom.heard && stream_has_left(stream);
}

int stream_take_unused(struct stream *stream)
{
	int fd = stream->bottom.fd;

	if (stream->bottom.used || fd < 0)
		return -1;
	stop_and_forget(stream);
	stream->bottom.fd = -1;
	return fd;
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
	if (stream->fault)
		return stream->fault;
	for (unsigned i = stream->conn.n_layers; i-- > 0;) {
		const char *text = layer_error(stream->conn.layers[i]);

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

const char *stream_shaking(const struct stream *stream)
{
	const struct layer *layer = stream->opening ? busy_layer(stream) : NULL;

	return layer ? layer->origin.name : "none";
}

/* ---- moving to another worker ---- */

bool stream_can_move(const struct stream *stream)
{
	for (unsigned i = 0; i < stream->conn.n_layers; i++) {
		if (!layer_can_move(stream->conn.layers[i]))
			return false;
	}
	return true;
}

/* Attaches the layers from number `from` up. False: one of them has refused. */
static bool attach_layers(struct stream *stream, unsigned from, stream_state_fn state_on)
{
	for (unsigned i = from; i < stream->conn.n_layers; i++) {
		struct layer *layer = stream->conn.layers[i];

		if (layer_attach(layer, state_on(layer->origin.instance, stream->loop)) != SPORE_OK)
			return false;
	}
	return true;
}

/* Detaches the layers, top first. If one refuses, those above it are attached again. SPORE_EBUSY:
 * nothing has changed. */
static spore_status detach_layers(struct stream *stream, stream_state_fn state_on)
{
	for (unsigned i = stream->conn.n_layers; i-- > 0;) {
		spore_status status = layer_detach(stream->conn.layers[i]);

		if (status != SPORE_OK)
			return attach_layers(stream, i + 1, state_on) ? status : SPORE_ECLOSED;
	}
	return SPORE_OK;
}

enum stream_io stream_detach(struct stream *stream, stream_state_fn state_on)
{
	spore_status status;

	if (!stream->open || stream->closed || stream->is_broken || !stream_can_move(stream))
		return STREAM_ERROR;
	if (stream->ready.queued || stream->more.queued)
		return STREAM_AGAIN;
	status = detach_layers(stream, state_on);
	if (status != SPORE_OK)
		return status == SPORE_EBUSY && !stream->is_broken ? STREAM_AGAIN : STREAM_ERROR;
	stream_set_owner(stream, NULL, NULL);
	stream->want = 0;
	ev_io_stop(loop_ev(stream->loop), &stream->io);
	stream->loop = NULL;
	return STREAM_OK;
}

bool stream_attach(struct stream *stream, struct loop *loop, stream_state_fn state_on)
{
	stream->loop = loop;
	if (!attach_layers(stream, 0, state_on) || stream->is_broken)
		return false;
	rearm(stream);
	return true;
}
