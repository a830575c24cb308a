/* notary - a transport for tests that changes nothing, but hides its descriptor and notes how much
 * is asked of it. */
#ifndef UNIT_NOTARY_H
#define UNIT_NOTARY_H

#include <spore/transport.h>
#include <stdlib.h>

struct notary {
	spore_stream base;
	spore_stream *lower; /* owned */
	size_t first, most;  /* that a read asked for since both were 0 */
};

static inline struct notary *notary_of(spore_stream *stream)
{
	return (struct notary *)(void *)stream;
}

static inline spore_status notary_handshake(spore_stream *base, uint32_t *want, spore_ticket ticket)
{
	(void)base;
	(void)want;
	(void)ticket;
	return SPORE_OK;
}

static inline int64_t notary_readv(spore_stream *base, const spore_iov *iov, uint32_t n,
                                   uint32_t *want)
{
	struct notary *notary = notary_of(base);
	int64_t got = notary->lower->ops->readv(notary->lower, iov, n, want);

	if (got > 0 && !notary->first)
		notary->first = iov->len;
	if (got > 0 && notary->most < iov->len)
		notary->most = iov->len;
	return got;
}

static inline int64_t notary_writev(spore_stream *base, const spore_iov *iov, uint32_t n,
                                    uint32_t *want)
{
	spore_stream *lower = notary_of(base)->lower;

	return lower->ops->writev(lower, iov, n, want);
}

static inline spore_status notary_shutdown(spore_stream *base, uint32_t *want)
{
	spore_stream *lower = notary_of(base)->lower;

	return lower->ops->shutdown(lower, want);
}

static inline void notary_close(spore_stream *base, uint32_t how)
{
	struct notary *notary = notary_of(base);

	notary->lower->ops->close(notary->lower, how);
	free(notary);
}

static inline struct notary *notary_new(spore_stream *lower)
{
	static const spore_stream_ops ops = {
		.struct_size = sizeof ops,
		.handshake = notary_handshake,
		.readv = notary_readv,
		.writev = notary_writev,
		.shutdown = notary_shutdown,
		.close = notary_close,
	};
	struct notary *notary = calloc(1, sizeof *notary);

	if (notary) {
		notary->base.ops = &ops;
		notary->lower = lower;
	}
	return notary;
}

#endif
