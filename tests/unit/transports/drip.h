/* drip - a transport for tests: a byte at a time, and EAGAIN between any two calls.
 *
 * Every other call of each kind says EAGAIN; what is read ahead from below shows as pending. A read
 * may ask to wait for room to write (which comes at once), as a transport with a handshake of its
 * own does. */
#ifndef UNIT_DRIP_H
#define UNIT_DRIP_H

#include <spore/transport.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "net/conn.h"

struct drip {
	spore_stream base;
	spore_stream *lower; /* owned */
	uint8_t ahead[64], out[64];
	size_t n_ahead, n_out;
	unsigned handshakes_left; /* calls that say EAGAIN before it is done ... */
	uint32_t shake_wants;     /* ... and what they wait for; 0: SPORE_WRITE */
	bool fails;               /* ... or that it has failed */
	char last_word;           /* what the handshake leaves to be flushed; 0: nothing */
	struct spore_conn *tells; /* the connection whose peer the handshake tells; NULL: none */
	bool eager;               /* reads never say EAGAIN while there is a byte */
	bool lower_ended, turn_read, turn_write, turn_shutdown;
	uint32_t clear;   /* directions that it says are raw */
	unsigned busy;    /* calls of detach() that say so */
	bool stays;       /* attach() fails */
	void *state;      /* that attach() got; NULL: detached */
	unsigned *closed; /* counts; may be NULL */
};

static inline struct drip *drip_of(spore_stream *stream)
{
	return (struct drip *)(void *)stream;
}

static inline bool drip_refuses(bool *turn)
{
	*turn = !*turn;
	return *turn;
}

static inline spore_status drip_handshake(spore_stream *base, uint32_t *want, spore_ticket ticket)
{
	struct drip *drip = drip_of(base);

	(void)ticket;
	if (drip->fails)
		return SPORE_EPROTO;
	if (drip->handshakes_left == 0) {
		if (drip->last_word)
			drip->out[drip->n_out++] = (uint8_t)drip->last_word;
		if (drip->tells)
			conn_tell_peer(drip->tells, &(spore_addr){ .family = 6, .port = 7 });
		return SPORE_OK;
	}
	drip->handshakes_left--;
	*want = drip->shake_wants ? drip->shake_wants : SPORE_WRITE;
	return SPORE_EAGAIN;
}

static inline int64_t drip_fill(struct drip *drip, uint32_t *want)
{
	spore_iov iov = { drip->ahead, sizeof drip->ahead };
	int64_t n = drip->lower->ops->readv(drip->lower, &iov, 1, want);

	if (n > 0)
		drip->n_ahead = (size_t)n;
	return n;
}

static inline int64_t drip_readv(spore_stream *base, const spore_iov *iov, uint32_t n,
                                 uint32_t *want)
{
	struct drip *drip = drip_of(base);
	int64_t got = 1;

	(void)n;
	*want = SPORE_WRITE;
	if (!drip->eager && drip_refuses(&drip->turn_read))
		return SPORE_EAGAIN;
	if (drip->n_ahead == 0)
		got = drip_fill(drip, want);
	if (got <= 0)
		return got;
	memcpy(iov->base, drip->ahead, 1);
	memmove(drip->ahead, drip->ahead + 1, --drip->n_ahead);
	return 1;
}

static inline spore_status drip_flush(spore_stream *base, uint32_t *want)
{
	struct drip *drip = drip_of(base);

	while (drip->n_out > 0) {
		spore_iov iov = { drip->out, 1 };
		int64_t n = drip->lower->ops->writev(drip->lower, &iov, 1, want);

		if (n < 0)
			return (spore_status)n;
		memmove(drip->out, drip->out + 1, --drip->n_out);
		if (drip_refuses(&drip->turn_write)) {
			*want = SPORE_WRITE;
			return drip->n_out ? SPORE_EAGAIN : SPORE_OK;
		}
	}
	return SPORE_OK;
}

static inline int64_t drip_writev(spore_stream *base, const spore_iov *iov, uint32_t n,
                                  uint32_t *want)
{
	struct drip *drip = drip_of(base);

	(void)n;
	*want = SPORE_WRITE;
	if (drip->n_out == sizeof drip->out)
		return SPORE_EAGAIN;
	drip->out[drip->n_out++] = *(const uint8_t *)iov->base;
	return 1;
}

static inline size_t drip_pending(spore_stream *base)
{
	return drip_of(base)->n_ahead;
}

static inline spore_status drip_shutdown(spore_stream *base, uint32_t *want)
{
	struct drip *drip = drip_of(base);
	spore_status status = drip_flush(base, want);

	if (status != SPORE_OK)
		return status;
	*want = SPORE_WRITE;
	if (drip_refuses(&drip->turn_shutdown))
		return SPORE_EAGAIN;
	return drip->lower->ops->shutdown(drip->lower, want);
}

static inline void drip_close(spore_stream *base, uint32_t how)
{
	struct drip *drip = drip_of(base);

	drip->lower->ops->close(drip->lower, how);
	if (drip->closed)
		++*drip->closed;
	free(drip);
}

static inline spore_status drip_detach(spore_stream *base)
{
	struct drip *drip = drip_of(base);

	if (drip->busy > 0) {
		drip->busy--;
		return SPORE_EBUSY;
	}
	drip->state = NULL;
	return SPORE_OK;
}

static inline spore_status drip_attach(spore_stream *base, const spore_attach_args *args)
{
	struct drip *drip = drip_of(base);

	if (drip->stays)
		return SPORE_ENOMEM;
	drip->state = args->state;
	return SPORE_OK;
}

static inline uint32_t drip_raw(spore_stream *base)
{
	return drip_of(base)->clear;
}

static inline uint32_t drip_attr(spore_stream *base, const char *key, size_t index, spore_str *out)
{
	(void)base;
	if (strcmp(key, "drip.drop") != 0 || index > 2)
		return 0;
	*out = (spore_str){ &"abc"[index], 1 };
	return 1;
}

static inline const char *drip_error(spore_stream *base)
{
	return drip_of(base)->fails ? "the drip has dried up" : NULL;
}

static inline struct drip *drip_new(spore_stream *lower)
{
	static const spore_stream_ops ops = {
		.struct_size = sizeof ops,
		.handshake = drip_handshake,
		.readv = drip_readv,
		.writev = drip_writev,
		.flush = drip_flush,
		.pending = drip_pending,
		.shutdown = drip_shutdown,
		.close = drip_close,
		.raw = drip_raw,
		.attr = drip_attr,
		.error = drip_error,
		.detach = drip_detach,
		.attach = drip_attach,
	};
	struct drip *drip = calloc(1, sizeof *drip);

	if (drip) {
		drip->base.ops = &ops;
		drip->lower = lower;
	}
	return drip;
}

#endif
