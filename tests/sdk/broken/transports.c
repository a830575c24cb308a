/* Transports that pass the bytes on, but are wrong in one function.
 *
 * They are wrong only in connections from 127.0.0.66, so a test can see whether the host serves the
 * others. */
#include <spore/transport.h>
#include <stdlib.h>
#include <unistd.h>

struct broken {
	const spore_host *host;
	spore_ctx *ctx;
};

struct stream {
	spore_stream base; /* first */
	spore_stream *lower;
	struct broken *broken;
	int is_wrong;
};

static inline struct stream *stream_of(spore_stream *base)
{
	return (struct stream *)(void *)base;
}

/* The hooks get the calls of wrong streams. One that no case defines is NULL. */
#define ON_WRAP() spore_status on_wrap(struct stream *s, spore_stream **out)
#define ON_HANDSHAKE()                                                                             \
	spore_status on_handshake(struct stream *s, uint32_t *want, spore_ticket ticket)
#define ON_READV() int64_t on_readv(struct stream *s, int64_t result, uint32_t *want)
#define ON_WRITEV()                                                                                \
	int64_t on_writev(struct stream *s, const spore_iov *iov, uint32_t n, uint32_t *want)
#define ON_FLUSH()    spore_status on_flush(struct stream *s, uint32_t *want)
#define ON_PENDING()  size_t on_pending(struct stream *s)
#define ON_SHUTDOWN() spore_status on_shutdown(struct stream *s, uint32_t *want)
#define ON_CLOSE()    void on_close(struct stream *s, uint32_t how)
#define ON_ERROR()    const char *on_error(struct stream *s)
#define ON_ATTR()     uint32_t on_attr(struct stream *s, const char *key, size_t i, spore_str *out)

#define BROKEN_HOOK   __attribute__((weak, visibility("hidden")))
BROKEN_HOOK ON_WRAP();
BROKEN_HOOK ON_HANDSHAKE();
BROKEN_HOOK ON_READV();
BROKEN_HOOK ON_WRITEV();
BROKEN_HOOK ON_FLUSH();
BROKEN_HOOK ON_PENDING();
BROKEN_HOOK ON_SHUTDOWN();
BROKEN_HOOK ON_CLOSE();
BROKEN_HOOK ON_ERROR();
BROKEN_HOOK ON_ATTR();

/* ---- handshake ---- */

#ifdef CASE_handshake_never_ends
ON_HANDSHAKE()
{
	return SPORE_EPENDING;
}
#endif

#ifdef CASE_handshake_waits_for_nothing
ON_HANDSHAKE()
{
	*want = 0;
	return SPORE_EAGAIN;
}
#endif

#ifdef CASE_handshake_returns_5
ON_HANDSHAKE()
{
	return 5;
}
#endif

/* The descriptor is always writable. */
#ifdef CASE_handshake_spins
ON_HANDSHAKE()
{
	*want = SPORE_WRITE;
	return SPORE_EAGAIN;
}
#endif

#ifdef CASE_handshake_completes_others
ON_HANDSHAKE()
{
	s->broken->host->complete_handshake(ticket + 1, SPORE_OK);
	s->broken->host->complete_verify(ticket, SPORE_ALLOW, NULL);
	return SPORE_EPENDING;
}
#endif

/* ---- reading ---- */

#ifdef CASE_reads_too_much
ON_READV()
{
	return result > 0 ? result + 100000 : result;
}
#endif

#ifdef CASE_reads_a_huge_number
ON_READV()
{
	return result > 0 ? INT64_MAX : result;
}
#endif

#ifdef CASE_reads_an_unknown_error
ON_READV()
{
	return result > 0 ? -77777 : result;
}
#endif

#ifdef CASE_reads_and_is_pending
ON_READV()
{
	return result > 0 ? SPORE_EPENDING : result;
}
#endif

#ifdef CASE_reads_and_waits_for_nothing
ON_READV()
{
	*want = 0;
	return SPORE_EAGAIN;
}
#endif

#ifdef CASE_reads_and_wants_to_write
ON_READV()
{
	*want = SPORE_WRITE;
	return SPORE_EAGAIN;
}
#endif

/* ---- writing ---- */

#ifdef CASE_writes_too_much
ON_WRITEV()
{
	int64_t result = s->lower->ops->writev(s->lower, iov, n, want);

	return result > 0 ? result + 100000 : result;
}
#endif

#ifdef CASE_writes_an_end
ON_WRITEV()
{
	return 0;
}
#endif

#ifdef CASE_writes_and_spins
ON_WRITEV()
{
	*want = SPORE_WRITE;
	return SPORE_EAGAIN;
}
#endif

#ifdef CASE_flushes_for_ever
ON_FLUSH()
{
	*want = SPORE_WRITE;
	return SPORE_EAGAIN;
}
#endif

#ifdef CASE_flush_returns_7
ON_FLUSH()
{
	return 7;
}
#endif

#ifdef CASE_shuts_down_for_ever
ON_SHUTDOWN()
{
	*want = SPORE_WRITE;
	return SPORE_EAGAIN;
}
#endif

/* ---- the rest ---- */

#ifdef CASE_always_has_a_byte
ON_PENDING()
{
	return 1;
}
#endif

#ifdef CASE_always_has_all_bytes
ON_PENDING()
{
	return SIZE_MAX;
}
#endif

#ifdef CASE_wraps_in_nothing
ON_WRAP()
{
	*out = NULL;
	return SPORE_OK;
}
#endif

#ifdef CASE_wraps_without_operations
ON_WRAP()
{
	s->base.ops = NULL;
	*out = &s->base;
	return SPORE_OK;
}
#endif

#ifdef CASE_wrap_returns_42
ON_WRAP()
{
	return 42;
}
#endif

#ifdef CASE_close_does_nothing
ON_CLOSE()
{
}
#endif

#ifdef CASE_crashes_in_readv
ON_READV()
{
	*(volatile int *)8 = 1;
	return result;
}
#endif

#ifdef CASE_has_no_error_text
ON_READV()
{
	return result > 0 ? SPORE_EPROTO : result;
}

ON_ERROR()
{
	return NULL;
}
#endif

#ifdef CASE_has_a_hostile_error_text
ON_READV()
{
	return result > 0 ? SPORE_EPROTO : result;
}

ON_ERROR()
{
	return "\n\x1b[2J all is \xFF well";
}
#endif

#ifdef CASE_has_endless_attributes
ON_ATTR()
{
	*out = spore_cstr("again");
	return 1;
}
#endif

/* ---- the plugin ---- */

static spore_status broken_handshake(spore_stream *base, uint32_t *want, spore_ticket ticket)
{
	struct stream *s = stream_of(base);

	return on_handshake && s->is_wrong ? on_handshake(s, want, ticket) : SPORE_OK;
}

static int64_t broken_readv(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct stream *s = stream_of(base);
	int64_t result = s->lower->ops->readv(s->lower, iov, n, want);

	return on_readv && s->is_wrong ? on_readv(s, result, want) : result;
}

static int64_t broken_writev(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct stream *s = stream_of(base);

	return on_writev && s->is_wrong ? on_writev(s, iov, n, want)
	                                : s->lower->ops->writev(s->lower, iov, n, want);
}

static spore_status broken_flush(spore_stream *base, uint32_t *want)
{
	struct stream *s = stream_of(base);

	if (on_flush && s->is_wrong)
		return on_flush(s, want);
	return SPORE_CAN(s->lower->ops, flush) ? s->lower->ops->flush(s->lower, want) : SPORE_OK;
}

static size_t broken_pending(spore_stream *base)
{
	struct stream *s = stream_of(base);

	if (on_pending && s->is_wrong)
		return on_pending(s);
	return SPORE_CAN(s->lower->ops, pending) ? s->lower->ops->pending(s->lower) : 0;
}

__attribute__((unused)) static spore_status broken_shutdown(spore_stream *base, uint32_t *want)
{
	struct stream *s = stream_of(base);

	return on_shutdown && s->is_wrong ? on_shutdown(s, want)
	                                  : s->lower->ops->shutdown(s->lower, want);
}

static void broken_close(spore_stream *base, uint32_t how)
{
	struct stream *s = stream_of(base);

	if (on_close && s->is_wrong) {
		on_close(s, how);
		return;
	}
	s->lower->ops->close(s->lower, how);
	free(s);
}

static uint32_t broken_attr(spore_stream *base, const char *key, size_t index, spore_str *out)
{
	struct stream *s = stream_of(base);

	return on_attr && s->is_wrong ? on_attr(s, key, index, out) : 0;
}

static const char *broken_error(spore_stream *base)
{
	struct stream *s = stream_of(base);

	return on_error && s->is_wrong ? on_error(s) : NULL;
}

static const spore_stream_ops stream_ops = {
	.struct_size = sizeof stream_ops,
	.handshake = broken_handshake,
	.readv = broken_readv,
	.writev = broken_writev,
	.flush = broken_flush,
	.pending = broken_pending,
#ifndef CASE_has_no_shutdown
	.shutdown = broken_shutdown,
#endif
	.close = broken_close,
	.attr = broken_attr,
	.error = broken_error,
};

static spore_status broken_wrap(void *state, const spore_wrap_args *args, spore_stream **out)
{
	static const uint8_t wrong[4] = { 127, 0, 0, 66 };
	struct stream *s = calloc(1, sizeof *s);
	spore_status status;

	if (!s)
		return SPORE_ENOMEM;
	*s = (struct stream){ .base = { &stream_ops },
		              .lower = args->lower,
		              .broken = state,
		              .is_wrong = memcmp(args->peer->ip + 12, wrong, 4) == 0 };
	if (!on_wrap || !s->is_wrong) {
		*out = &s->base;
		return SPORE_OK;
	}
	status = on_wrap(s, out);
	if (*out != &s->base)
		free(s);
	return status;
}

static spore_status broken_create(const spore_create_args *args, void **instance_out)
{
	struct broken *broken = malloc(sizeof *broken);

	if (!broken)
		return SPORE_ENOMEM;
	*broken = (struct broken){ args->host, args->ctx };
	*instance_out = broken;
	return SPORE_OK;
}

static const spore_transport_ops transport_ops = {
	.struct_size = sizeof transport_ops,
	.wrap = broken_wrap,
	.stream_ops = &stream_ops,
};
static const spore_component broken_component = {
	.struct_size = sizeof broken_component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = NAME,
	.summary = "broken",
	.ops = &transport_ops,
	.create = broken_create,
	.destroy = free,
};
SPORE_PLUGIN("transport_broken", "1.0.0", "", "MIT", "", &broken_component);
