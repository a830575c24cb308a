/*
 * Bulk streams: as many bytes as possible, towards the service (bulk-up) or from it (bulk-down).
 *
 * The rate is what the kernel took from, or gave to, this program inside the window. Buffers on
 * the way are full before the window opens and stay so until it closes, so they do not distort it.
 * At the end each stream is half-closed and drained: upwards the service says how many bytes came,
 * which must equal the bytes sent; downwards the service must end the stream. So total is what
 * really crossed the tunnel.
 */
#include "../clock.h"
#include "../loopback.h"
#include "../wire.h"
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_CHUNK      ((size_t)256 << 10)
#define RECEIVE_CHUNK   ((size_t)1 << 20)
#define EVENTS          64
#define TICK_MS         50
#define DRAIN_SECONDS   10
#define LIMITED_SECONDS 600

/* fd is -1 after the end of the stream or an error. */
struct stream {
	int fd;
	bool is_draining; /* half-closed by us */
	uint64_t moved;
	uint8_t receipt[WIRE_NUMBER + 1]; /* upwards: the receipt of the service */
	unsigned receipt_size;
};

struct bulk {
	struct worker *worker;  /* borrowed, outlives us */
	struct stream *streams; /* owned */
	unsigned live;
	int epoll;
	uint8_t *chunk; /* owned */
};

static void stream_end(struct bulk *bulk, struct stream *stream)
{
	close(stream->fd);
	stream->fd = -1;
	bulk->live--;
}

static void stream_fail(struct bulk *bulk, struct stream *stream, enum tally_error error)
{
	tally_fail(&bulk->worker->tally, error);
	stream_end(bulk, stream);
}

static uint64_t bytes_left(const struct bulk *bulk, const struct stream *stream)
{
	uint64_t limit = bulk->worker->plan->bytes;

	return limit > 0 ? limit - stream->moved : UINT64_MAX;
}

static void move(struct bulk *bulk, struct stream *stream, size_t size)
{
	stream->moved += size;
	tally_add(&bulk->worker->tally, size);
}

/* Half-closes the stream; after this only the answer is read. */
static void stream_drain(struct bulk *bulk, struct stream *stream)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = stream };

	stream->is_draining = true;
	if (shutdown(stream->fd, SHUT_WR) != 0 ||
	    epoll_ctl(bulk->epoll, EPOLL_CTL_MOD, stream->fd, &event) != 0)
		stream_fail(bulk, stream, TALLY_RESET);
}

static void send_some(struct bulk *bulk, struct stream *stream)
{
	uint64_t left = bytes_left(bulk, stream);
	size_t size = left < SEND_CHUNK ? (size_t)left : SEND_CHUNK;
	ssize_t sent = send(stream->fd, bulk->chunk, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0) {
		if (errno != EAGAIN)
			stream_fail(bulk, stream, TALLY_RESET);
		return;
	}
	move(bulk, stream, (size_t)sent);
	if (bytes_left(bulk, stream) == 0)
		stream_drain(bulk, stream);
}

static void check_receipt(struct bulk *bulk, struct stream *stream)
{
	if (stream->receipt_size < WIRE_NUMBER)
		stream_fail(bulk, stream, TALLY_SHORT);
	else if (wire_get_number(stream->receipt) != stream->moved)
		stream_fail(bulk, stream, TALLY_WRONG);
	else
		stream_end(bulk, stream);
}

static void receive_receipt(struct bulk *bulk, struct stream *stream)
{
	/* One byte more than a receipt has, to detect extra bytes. */
	ssize_t got = recv(stream->fd, stream->receipt + stream->receipt_size,
	                   sizeof(stream->receipt) - stream->receipt_size, MSG_DONTWAIT);

	if (got == 0) {
		check_receipt(bulk, stream);
	} else if (got > 0) {
		stream->receipt_size += (unsigned)got;
		if (stream->receipt_size > WIRE_NUMBER)
			stream_fail(bulk, stream, TALLY_WRONG);
	} else if (errno != EAGAIN) {
		stream_fail(bulk, stream, TALLY_RESET);
	}
}

static void on_up(struct bulk *bulk, struct stream *stream)
{
	if (stream->is_draining)
		receive_receipt(bulk, stream);
	else
		send_some(bulk, stream);
}

/* MSG_TRUNC drops the bytes in the kernel, so that the receiver is not the bottleneck. */
static void on_down(struct bulk *bulk, struct stream *stream)
{
	uint64_t limit = bulk->worker->plan->bytes;
	ssize_t got = recv(stream->fd, bulk->chunk, RECEIVE_CHUNK, MSG_TRUNC | MSG_DONTWAIT);

	if (got > 0) {
		move(bulk, stream, (size_t)got);
		return;
	}
	if (got < 0) {
		if (errno != EAGAIN)
			stream_fail(bulk, stream, TALLY_RESET);
		return;
	}
	if (limit > 0 ? stream->moved != limit : !stream->is_draining)
		stream_fail(bulk, stream, TALLY_SHORT);
	else
		stream_end(bulk, stream);
}

static bool stream_start(struct bulk *bulk, struct stream *stream, unsigned number, bool is_up)
{
	const struct plan *plan = bulk->worker->plan;
	struct epoll_event event = { .events = is_up ? EPOLLOUT : EPOLLIN, .data.ptr = stream };
	uint8_t command[1 + WIRE_NUMBER] = { is_up ? WIRE_SINK : WIRE_SOURCE };

	stream->fd = loopback_open(plan->port, number % plan->sources);
	if (stream->fd < 0)
		return false;
	bulk->live++;
	wire_put_number(command + 1, plan->bytes);
	return loopback_send(stream->fd, command, is_up ? 1 : sizeof(command)) &&
	       epoll_ctl(bulk->epoll, EPOLL_CTL_ADD, stream->fd, &event) == 0;
}

static void dispatch(struct bulk *bulk, bool is_up)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(bulk->epoll, events, EVENTS, TICK_MS);

	for (int i = 0; i < count; i++) {
		if (is_up)
			on_up(bulk, events[i].data.ptr);
		else
			on_down(bulk, events[i].data.ptr);
	}
}

static void drain_all(struct bulk *bulk, bool is_up)
{
	uint64_t last = clock_ns() + DRAIN_SECONDS * CLOCK_SECOND;
	unsigned connections = bulk->worker->connections;

	for (unsigned i = 0; i < connections; i++)
		if (bulk->streams[i].fd >= 0 && !bulk->streams[i].is_draining)
			stream_drain(bulk, &bulk->streams[i]);
	while (bulk->live > 0 && clock_ns() < last)
		dispatch(bulk, is_up);
	for (unsigned i = 0; i < connections; i++)
		if (bulk->streams[i].fd >= 0)
			stream_fail(bulk, &bulk->streams[i], TALLY_TIMEOUT);
}

/* With a limit of bytes there is no warm-up and no end by time, except a safety limit. */
static void bulk_run(struct bulk *bulk, bool is_up)
{
	struct worker *worker = bulk->worker;
	const struct plan *plan = worker->plan;
	bool is_limited = plan->bytes > 0;

	for (unsigned i = 0; i < worker->connections; i++)
		if (!stream_start(bulk, &bulk->streams[i], worker->first + i, is_up)) {
			perror("cannot open a stream");
			return;
		}
	tally_start(&worker->tally, is_limited ? 0 : plan->warmup,
	            is_limited ? LIMITED_SECONDS : plan->seconds);
	while (tally_is_running(&worker->tally) && bulk->live > 0)
		dispatch(bulk, is_up);
	tally_close(&worker->tally);
	drain_all(bulk, is_up);
}

static bool run(struct worker *worker, bool is_up)
{
	struct bulk bulk = { .worker = worker, .epoll = epoll_create1(EPOLL_CLOEXEC) };

	bulk.streams = calloc(worker->connections, sizeof(*bulk.streams));
	bulk.chunk = calloc(1, SEND_CHUNK > RECEIVE_CHUNK ? SEND_CHUNK : RECEIVE_CHUNK);
	if (bulk.epoll < 0 || bulk.streams == NULL || bulk.chunk == NULL) {
		perror("bulk");
	} else {
		for (unsigned i = 0; i < worker->connections; i++)
			bulk.streams[i].fd = -1;
		bulk_run(&bulk, is_up);
	}
	for (unsigned i = 0; bulk.streams != NULL && i < worker->connections; i++)
		if (bulk.streams[i].fd >= 0)
			close(bulk.streams[i].fd);
	if (bulk.epoll >= 0)
		close(bulk.epoll);
	free(bulk.streams);
	free(bulk.chunk);
	return worker->tally.closed != 0;
}

static bool run_up(struct worker *worker)
{
	return run(worker, true);
}

static bool run_down(struct worker *worker)
{
	return run(worker, false);
}

const struct scenario bulk_up = {
	.name = "bulk-up",
	.unit = "bytes",
	.seconds = 3,
	.help = "streams of bytes towards the service",
	.run = run_up,
};

const struct scenario bulk_down = {
	.name = "bulk-down",
	.unit = "bytes",
	.seconds = 3,
	.help = "streams of bytes from the service",
	.run = run_down,
};
