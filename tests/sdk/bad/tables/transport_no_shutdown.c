/* A transport whose streams lack shutdown. */
#include <spore/transport.h>

#include "../bad.h"

static spore_status handshake(spore_stream *stream, uint32_t *want, spore_ticket ticket)
{
	(void)stream;
	(void)want;
	(void)ticket;
	return SPORE_OK;
}

static int64_t move(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	(void)stream;
	(void)iov;
	(void)n;
	(void)want;
	return SPORE_ECLOSED;
}

static void close_stream(spore_stream *stream, uint32_t how)
{
	(void)stream;
	(void)how;
}

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	(void)state;
	*upper_out = args->lower;
	return SPORE_OK;
}

static const spore_stream_ops stream_ops = {
	.struct_size = sizeof stream_ops,
	.handshake = handshake,
	.readv = move,
	.writev = move,
	.close = close_stream,
};

static const spore_transport_ops ops = {
	.struct_size = sizeof ops,
	.wrap = wrap,
	.stream_ops = &stream_ops,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "no_shutdown",
	.ops = &ops,
	.create = bad_create,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("transport_no_shutdown", "1.0.0", "", "MIT", "", &component);
