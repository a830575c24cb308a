/* transport_doubted - plaintext that could be secure, and whose peers could have certificates, but
 * that is so on no connection, as with TLS without verification: for tests of what needs it. */
#include <spore/transport.h>
#include <stdlib.h>

struct doubted {
	spore_stream base;
	spore_stream *lower;
};

static spore_stream *below(spore_stream *stream)
{
	return ((struct doubted *)(void *)stream)->lower;
}

static spore_status handshake(spore_stream *stream, uint32_t *want, spore_ticket ticket)
{
	(void)stream;
	(void)want;
	(void)ticket;
	return SPORE_OK;
}

static int64_t stream_readv(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	return below(stream)->ops->readv(below(stream), iov, n, want);
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

static uint32_t stream_attr(spore_stream *stream, const char *key, size_t index, spore_str *out)
{
	(void)stream;
	*out = spore_cstr("1");
	return strcmp(key, SPORE_ATTR_INSECURE) == 0 && index == 0;
}

static const spore_stream_ops stream_ops = {
	.struct_size = sizeof stream_ops,
	.handshake = handshake,
	.readv = stream_readv,
	.writev = stream_writev,
	.shutdown = stream_shutdown,
	.close = stream_close,
	.attr = stream_attr,
};

/* Instances have no state, but create() must return a pointer that is not NULL. */
static int nothing;

static spore_status create(const spore_create_args *args, void **instance_out)
{
	(void)args;
	*instance_out = &nothing;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	(void)instance;
}

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	struct doubted *doubted = malloc(sizeof *doubted);

	(void)state;
	if (!doubted)
		return SPORE_ENOMEM;
	*doubted = (struct doubted){ { &stream_ops }, args->lower };
	*upper_out = &doubted->base;
	return SPORE_OK;
}

static const char *const attr_keys[] = { SPORE_ATTR_INSECURE, "x509.sha256", NULL };

static const spore_transport_ops ops = {
	.struct_size = sizeof ops,
	.flags = SPORE_TRANSPORTF_SECURE,
	.wrap = wrap,
	.stream_ops = &stream_ops,
	.attr_keys = attr_keys,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "doubted",
	.summary = "plaintext that could be secure, but is not",
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("transport_doubted", "1.0.0", "The Spore authors", "MIT", "", &component);
