#include "relay/courier.h"

#include <errno.h>

#include "base/container.h"
#include "log/log.h"
#include "net/stream.h"
#include "relay/flow.h"

/* Full buffers in a row that mean bulk. */
enum { FULL_BUFFERS = 2 };
/* A spill takes what comes in one turn, at most all buffers of the ring and some given back. */
static const size_t spill_max = (size_t)4 * 1024 * 1024;

static bool is_pending(const struct courier *courier)
{
	const struct courier_way *ways = courier->ways;

	return ways[0].receive.pending || ways[0].send.pending || ways[1].receive.pending ||
	       ways[1].send.pending;
}

/* The last statement of each callback: the owner may free the courier. */
static void check_over(struct courier *courier)
{
	if (!courier->stopping || is_pending(courier))
		return;
	if (!courier->dropped) {
		stream_take_back(courier->terms.streams[0]);
		stream_take_back(courier->terms.streams[1]);
	}
	courier->terms.on_over(courier->terms.arg);
}

void courier_stop(struct courier *courier)
{
	courier->stopping = true;
	for (int i = 0; i < 2; i++) {
		struct courier_way *way = &courier->ways[i];

		if (way->receive.pending && !way->cancelled)
			way->cancelled = uring_cancel(courier->terms.uring, &way->receive);
	}
}

bool courier_drop(struct courier *courier)
{
	courier->dropped = true;
	courier_stop(courier);
	uring_submit(courier->terms.uring);
	for (int i = 0; i < 2; i++) {
		uring_withdraw(courier->terms.uring, &courier->ways[i].receive);
		uring_withdraw(courier->terms.uring, &courier->ways[i].send);
	}
	return !is_pending(courier);
}

static void stop_crowded(struct courier *courier)
{
	courier->crowded = true;
	courier_stop(courier);
}

/* ---- bytes ---- */

/* Appends the bytes to the flow's spill. If that fails, the relay is reset. */
static void keep(struct courier_way *way, const uint8_t *bytes, size_t len)
{
	struct courier *courier = way->courier;

	if (courier->dropped || courier->failed)
		return;
	if (buf_append(&way->flow->spill, bytes, len, spill_max))
		return;
	log_error("relay reset: out of memory", log_int("bytes", (int64_t)len));
	courier->failed = true;
	courier_stop(courier);
}

/* Puts the bytes in front of those that came later. */
static void put_back(struct courier_way *way, const uint8_t *bytes, size_t len)
{
	struct buf later = way->flow->spill;

	way->flow->spill = (struct buf){ 0 };
	keep(way, bytes, len);
	keep(way, buf_bytes(&later), later.len);
	buf_fini(&later);
}

/* Takes the buffer. */
static void pass_on(struct courier_way *way, uint8_t *bytes, size_t len)
{
	struct courier *courier = way->courier;
	struct uring *uring = courier->terms.uring;

	if (!courier->stopping && !way->send.pending && flow_reads(way->flow) &&
	    uring_send(uring, &way->send, stream_fd(way->to), bytes, len)) {
		way->sending = bytes;
		way->len = (uint32_t)len;
		return;
	}
	keep(way, bytes, len);
	uring_give(uring, bytes);
	/* Nothing else writes the spill. */
	if (!courier->stopping && !way->send.pending)
		stop_crowded(courier);
}

/* ---- results ---- */

/* The kernel refuses the operation; the connection is unharmed. */
static bool is_refusal(int value)
{
	return value == -EINVAL || value == -EOPNOTSUPP || value == -ENOSYS || value == -EPERM ||
	       value == -EACCES;
}

/* A failed operation says what the socket would have told a system call, and the socket tells it
 * once. An end of the stream is told again, so the flow finds it. */
static void note_failure(struct courier_way *way, struct stream *stream, int value)
{
	struct courier *courier = way->courier;

	if (value == -ENOBUFS || value == -ENOMEM)
		courier->crowded = true;
	else if (is_refusal(value))
		courier->refused = courier->refused || !courier->dropped;
	else if (value != -ECANCELED && value != -EAGAIN && value != -EINTR && !courier->dropped)
		stream_lose(stream, -value);
}

static void on_received(struct uring_op *op, const struct uring_result *result)
{
	struct courier_way *way = CONTAINER_OF(op, struct courier_way, receive);
	struct courier *courier = way->courier;

	uring_note(courier->terms.uring);
	if (result->value > 0)
		pass_on(way, result->bytes, (size_t)result->value);
	else if (result->bytes)
		uring_give(courier->terms.uring, result->bytes);
	if (result->value < 0)
		note_failure(way, way->from, result->value);
	way->full = result->value == URING_BUFFER ? way->full + 1 : 0;
	if (way->full >= FULL_BUFFERS)
		stop_crowded(courier);
	if (!result->more || courier->stopping || uring_is_calm(courier->terms.uring))
		courier_stop(courier);
	check_over(courier);
}

/* What came during the send. */
static void drain(struct courier_way *way)
{
	struct courier *courier = way->courier;

	courier->terms.drain((int)(way - courier->ways), courier->terms.arg);
	if (!flow_reads(way->flow))
		stop_crowded(courier);
}

static void on_sent(struct uring_op *op, const struct uring_result *result)
{
	struct courier_way *way = CONTAINER_OF(op, struct courier_way, send);
	struct courier *courier = way->courier;
	size_t sent = result->value > 0 ? (size_t)result->value : 0;

	if (!courier->dropped)
		way->flow->bytes += sent;
	if (sent < way->len) {
		if (result->value < 0)
			note_failure(way, way->to, result->value);
		put_back(way, way->sending + sent, way->len - sent);
		stop_crowded(courier);
	}
	uring_give(courier->terms.uring, way->sending);
	if (!courier->stopping && way->flow->spill.len > 0)
		drain(way);
	check_over(courier);
}

bool courier_start(struct courier *courier, const struct courier_terms *terms)
{
	*courier = (struct courier){ .terms = *terms };
	if (!uring_has_room(terms->uring, 2))
		return false;
	for (int i = 0; i < 2; i++) {
		struct courier_way *way = &courier->ways[i];

		way->courier = courier;
		way->from = terms->streams[i];
		way->to = terms->streams[!i];
		way->flow = terms->flows[i];
		way->receive.on_result = on_received;
		way->send.on_result = on_sent;
		stream_lend(way->from);
		uring_receive(terms->uring, &way->receive, stream_fd(way->from));
	}
	return true;
}
