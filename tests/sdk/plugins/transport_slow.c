/* transport_slow - passes all bytes on; takes its time in readv() once a read has brought the word
 * that its option names. */
#include <poll.h>
#include <spore/transport.h>
#include <string.h>

#include "probe.h"

struct conf {
	const char *word;
	int64_t lasts;
};

static const spore_option options[] = {
	SPORE_STRING(struct conf, word, SPORE_OPTF_REQUIRED, NULL,
	             "a part of the bytes of one read"),
	SPORE_DURATION(struct conf, lasts, 0, "0", 0, 86400000, "how long it takes"),
};

struct passing {
	spore_stream base;
	spore_stream *lower;
	const struct conf *conf;
};

static struct passing *passing_of(spore_stream *stream)
{
	return (struct passing *)(void *)stream;
}

static spore_stream *below(spore_stream *stream)
{
	return passing_of(stream)->lower;
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
	const struct conf *conf = passing_of(stream)->conf;
	int64_t got = below(stream)->ops->readv(below(stream), iov, n, want);

	if (got > 0 && (uint64_t)got <= iov->len &&
	    memmem(iov->base, (size_t)got, conf->word, strlen(conf->word)))
		poll(NULL, 0, (int)conf->lasts);
	return got;
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

static spore_status wrap(void *conf, const spore_wrap_args *args, spore_stream **upper_out)
{
	struct passing *passing = calloc(1, sizeof *passing);

	if (!passing)
		return SPORE_ENOMEM;
	*passing = (struct passing){ { &stream_ops }, args->lower, conf };
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
	.name = "slow",
	.summary = "takes its time for a word",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_keep_conf,
	.destroy = probe_drop_conf,
};

SPORE_PLUGIN("transport_slow", "1.0.0", "The Spore authors", "MIT", "", &component);
