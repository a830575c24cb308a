#include "net/layer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "thread/guest.h"

static const spore_stream_ops layer_ops, silent_ops;

static struct layer *layer_of(spore_stream *base)
{
	return CONTAINER_OF(base, struct layer, base);
}

struct layer *layer_new(spore_stream *guest, const struct layer_origin *origin,
                        layer_fault_fn on_fault, void *arg)
{
	struct layer *layer = malloc(sizeof *layer);

	if (layer)
		*layer = (struct layer){ .base = { &layer_ops },
			                 .guest = guest,
			                 .origin = *origin,
			                 .on_fault = on_fault,
			                 .arg = arg };
	return layer;
}

void layer_free(struct layer *layer)
{
	free(layer);
}

void layer_silence(struct layer *layer)
{
	layer->base.ops = &silent_ops;
}

void layer_fault(struct layer *layer, const char *call, const char *format, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	layer->on_fault(layer, call, text);
}

/* Notes that the transport's code runs until guest_leave. Returns the transport's operations. */
static const spore_stream_ops *enter_guest(const struct layer *layer, const char *call)
{
	guest_enter(layer->origin.name, call);
	return layer->guest->ops;
}

/* ---- results ---- */

/* Any SPORE_E* except SPORE_EAGAIN and SPORE_EPENDING. */
static bool is_error(int64_t result)
{
	return result <= SPORE_ESTALE && result >= SPORE_EBUSY;
}

/* Reports a result that is not allowed. Returns the result that takes its place. */
static spore_status refuse_result(struct layer *layer, const char *call, int64_t result,
                                  const char *expected)
{
	layer_fault(layer, call, "%s() returned %lld: expected %s", call, (long long)result,
	            expected);
	return SPORE_ECLOSED;
}

/* The transport returned SPORE_EAGAIN, and must have set its *want (`wants`). */
static spore_status check_want(struct layer *layer, const char *call, uint32_t wants,
                               uint32_t *want)
{
	if (wants == 0 || wants & ~(uint32_t)(SPORE_READ | SPORE_WRITE)) {
		layer_fault(
			layer, call,
			"%s() returned SPORE_EAGAIN with *want = %u: expected SPORE_READ (1) or "
			"SPORE_WRITE (2)",
			call, wants);
		return SPORE_ECLOSED;
	}
	*want = wants;
	return SPORE_EAGAIN;
}

static size_t size_of(const spore_iov *iov, uint32_t n)
{
	size_t size = 0;

	for (uint32_t i = 0; i < n; i++)
		size += iov[i].len;
	return size;
}

static const char unless_pending[] = "SPORE_OK, or a SPORE_E* except SPORE_EPENDING";

/* Checks the result of readv or writev. The callers have already handled the usual one. */
static int64_t check_bytes(struct layer *layer, const char *call, int64_t result, size_t size,
                           uint32_t wants, uint32_t *want)
{
	if (result == SPORE_EAGAIN)
		return check_want(layer, call, wants, want);
	if (result > 0 && (uint64_t)result > size) {
		layer_fault(layer, call, "%s() returned %lld bytes: its buffers hold %zu", call,
		            (long long)result, size);
		return SPORE_ECLOSED;
	}
	if (result >= 0 || is_error(result))
		return result;
	return refuse_result(layer, call, result,
	                     "a number of bytes, or a SPORE_E* except SPORE_EPENDING");
}

static spore_status check_status(struct layer *layer, const char *call, spore_status status,
                                 const char *expected, uint32_t wants, uint32_t *want)
{
	if (status == SPORE_OK || is_error(status))
		return status;
	if (status == SPORE_EAGAIN)
		return check_want(layer, call, wants, want);
	return refuse_result(layer, call, status, expected);
}

/* ---- the operations ---- */

static spore_status layer_handshake(spore_stream *base, uint32_t *want, spore_ticket ticket)
{
	struct layer *layer = layer_of(base);
	uint32_t wants = 0;
	spore_status status;

	status = enter_guest(layer, "handshake")->handshake(layer->guest, &wants, ticket);
	guest_leave();
	if (status == SPORE_EPENDING)
		return status;
	return check_status(layer, "handshake", status, "SPORE_OK or a SPORE_E*", wants, want);
}

static int64_t layer_readv(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct layer *layer = layer_of(base);
	uint32_t wants = 0;
	int64_t got;

	got = enter_guest(layer, "readv")->readv(layer->guest, iov, n, &wants);
	guest_leave();
	if (got > 0 && (uint64_t)got <= iov->len)
		return got;
	return check_bytes(layer, "readv", got, size_of(iov, n), wants, want);
}

static int64_t layer_writev(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct layer *layer = layer_of(base);
	size_t size = size_of(iov, n);
	uint32_t wants = 0;
	int64_t put;

	put = enter_guest(layer, "writev")->writev(layer->guest, iov, n, &wants);
	guest_leave();
	if (put > 0 && (uint64_t)put <= size)
		return put;
	if (put == 0 && size > 0)
		return refuse_result(layer, "writev", put, "bytes, or SPORE_EAGAIN");
	return check_bytes(layer, "writev", put, size, wants, want);
}

static spore_status layer_flush(spore_stream *base, uint32_t *want)
{
	struct layer *layer = layer_of(base);
	uint32_t wants = 0;
	spore_status status;

	if (!SPORE_CAN(layer->guest->ops, flush))
		return SPORE_OK;
	status = enter_guest(layer, "flush")->flush(layer->guest, &wants);
	guest_leave();
	return status == SPORE_OK
	               ? status
	               : check_status(layer, "flush", status, unless_pending, wants, want);
}

static size_t pending(spore_stream *base)
{
	return layer_pending(layer_of(base));
}

static spore_status layer_shutdown(spore_stream *base, uint32_t *want)
{
	struct layer *layer = layer_of(base);
	uint32_t wants = 0;
	spore_status status;

	status = enter_guest(layer, "shutdown")->shutdown(layer->guest, &wants);
	guest_leave();
	return check_status(layer, "shutdown", status, unless_pending, wants, want);
}

static void layer_close(spore_stream *base, uint32_t how)
{
	struct layer *layer = layer_of(base);

	if (layer->closed)
		return;
	layer->closed = true;
	layer_silence(layer);
	enter_guest(layer, "close")->close(layer->guest, how);
	guest_leave();
	layer->guest = NULL;
}

static uint32_t layer_raw(spore_stream *base)
{
	static const uint32_t both = SPORE_READ | SPORE_WRITE;
	struct layer *layer = layer_of(base);
	uint32_t raw;

	if (!SPORE_CAN(layer->guest->ops, raw))
		return 0;
	raw = enter_guest(layer, "raw")->raw(layer->guest);
	guest_leave();
	if (raw & ~both)
		layer_fault(layer, "raw", "raw() returned %u: expected at most %u", raw, both);
	return raw & both;
}

static uint32_t attr(spore_stream *base, const char *key, size_t index, spore_str *out)
{
	return layer_attr(layer_of(base), key, index, out);
}

static const spore_stream_ops layer_ops = {
	.struct_size = sizeof layer_ops,
	.handshake = layer_handshake,
	.readv = layer_readv,
	.writev = layer_writev,
	.flush = layer_flush,
	.pending = pending,
	.shutdown = layer_shutdown,
	.close = layer_close,
	.raw = layer_raw,
	.attr = attr,
};

/* ---- a layer that fails each call ---- */

static spore_status silent_handshake(spore_stream *base, uint32_t *want, spore_ticket ticket)
{
	(void)base;
	(void)want;
	(void)ticket;
	return SPORE_ECLOSED;
}

static int64_t silent_move(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	(void)base;
	(void)iov;
	(void)n;
	(void)want;
	return SPORE_ECLOSED;
}

static spore_status silent_end(spore_stream *base, uint32_t *want)
{
	(void)base;
	(void)want;
	return SPORE_ECLOSED;
}

static const spore_stream_ops silent_ops = {
	.struct_size = sizeof silent_ops,
	.handshake = silent_handshake,
	.readv = silent_move,
	.writev = silent_move,
	.flush = silent_end,
	.shutdown = silent_end,
	.close = layer_close,
};

/* ---- what the host asks without the table ---- */

size_t layer_pending(struct layer *layer)
{
	size_t n;

	if (layer->base.ops != &layer_ops || !SPORE_CAN(layer->guest->ops, pending))
		return 0;
	n = enter_guest(layer, "pending")->pending(layer->guest);
	guest_leave();
	return n;
}

bool layer_attr(struct layer *layer, const char *key, size_t index, spore_str *out)
{
	spore_str value = { NULL, 0 };
	bool found;

	if (layer->base.ops != &layer_ops || !SPORE_CAN(layer->guest->ops, attr))
		return false;
	found = enter_guest(layer, "attr")->attr(layer->guest, key, index, &value);
	guest_leave();
	if (!found)
		return false;
	if (value.len > SPORE_ATTR_MAX_LEN || (value.len && !value.ptr)) {
		layer_fault(layer, "attr",
		            "attr() returned a value of %zu bytes%s: expected at most %d",
		            value.len, value.ptr ? "" : " at NULL", SPORE_ATTR_MAX_LEN);
		return false;
	}
	*out = value;
	return true;
}

const char *layer_error(struct layer *layer)
{
	const char *text;

	if (layer->closed || !SPORE_CAN(layer->guest->ops, error))
		return NULL;
	text = enter_guest(layer, "error")->error(layer->guest);
	guest_leave();
	return text;
}

bool layer_can_move(const struct layer *layer)
{
	const spore_stream_ops *ops = layer->guest->ops;

	return SPORE_CAN(ops, detach) && SPORE_CAN(ops, attach);
}

static spore_status check_move(struct layer *layer, const char *call, spore_status status)
{
	if (status == SPORE_OK || is_error(status))
		return status;
	refuse_result(layer, call, status,
	              "SPORE_OK, or a SPORE_E* except SPORE_EAGAIN and SPORE_EPENDING");
	return SPORE_EINVAL;
}

spore_status layer_detach(struct layer *layer)
{
	spore_status status = enter_guest(layer, "detach")->detach(layer->guest);

	guest_leave();
	return check_move(layer, "detach", status);
}

spore_status layer_attach(struct layer *layer, void *state)
{
	const spore_attach_args args = { .struct_size = sizeof args, .state = state };
	spore_status status = enter_guest(layer, "attach")->attach(layer->guest, &args);

	guest_leave();
	return check_move(layer, "attach", status);
}
