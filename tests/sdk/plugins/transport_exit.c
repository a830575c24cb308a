/* transport_exit - its streams call exit(0) as soon as the host reads. */
#include <spore/transport.h>

#include "probe.h"

struct conf {
	int64_t unused;
};

struct passing {
	spore_stream base;
	spore_stream *lower;
};

static spore_stream *below(spore_stream *stream)
{
	return ((struct passing *)(void *)stream)->lower;
}

static spore_status stream_handshake(spore_stream *stream, uint32_t *want, spore_ticket ticket)
{
	(void)stream;
	(void)want;
	(void)ticket;
	return SPORE_OK;
}

static int64_t stream_readv(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	(void)stream;
	(void)iov;
	(void)n;
	(void)want;
	exit(0);
}

static int64_t stream_writev(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	return below(stream)->ops->writev(below(stream), iov, n, want);
}

static spore_status stream_shutdown(spore_stream *stream, uint32_t *want)
{
	return below(stream)->ops->shutdown(below(stream), want);
}

static void stream_close(spore_stream *stream, uint32_t how)
{
	below(stream)->ops->close(below(stream), how);
	free(stream);
}

static const spore_stream_ops stream_ops = {
	.struct_size = sizeof stream_ops,
	.handshake = stream_handshake,
	.readv = stream_readv,
	.writev = stream_writev,
	.shutdown = stream_shutdown,
	.close = stream_close,
};

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	struct passing *passing = calloc(1, sizeof *passing);

	(void)state;
	if (!passing)
		return SPORE_ENOMEM;
	*passing = (struct passing){ { &stream_ops }, args->lower };
	*upper_out = &passing->base;
	return SPORE_OK;
}

static const spore_transport_ops ops = {
	.struct_size = sizeof ops,
	.wrap = wrap,
	.stream_ops = &stream_ops,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "exit",
	.summary = "calls exit() as soon as the host reads",
	.ops = &ops,
	.create = probe_create,
	.destroy = free,
};

SPORE_PLUGIN("transport_exit", "1.0.0", "The Spore authors", "MIT", "", &component);
