#include "proxy_stream.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"

enum phase { NEW, LOOKING, LOOKED, SENDING, READING };

struct proxy_stream {
	spore_stream base;
	spore_stream *lower; /* owned */
	const struct proxy_worker *worker;
	enum phase phase;
	char host[URL_HOST_MAX + 1]; /* the server's name; after the look-up, its address */
	struct talk *talk;           /* owned; NULL once the stream is open */
	size_t n_sent;               /* sent bytes of the talk's message */
	spore_resolve look;          /* valid while the phase is LOOKING */
	spore_ticket ticket;         /* valid while the phase is LOOKING */
	uint8_t *rest; /* owned; the server's bytes that came after the proxy's reply */
	size_t rest_at, rest_len;
};

static struct proxy_stream *stream_of(spore_stream *stream)
{
	return (struct proxy_stream *)(void *)stream;
}

static spore_status flush_below(const struct proxy_stream *s, uint32_t *want)
{
	const spore_stream_ops *ops = s->lower->ops;

	return SPORE_CAN(ops, flush) ? ops->flush(s->lower, want) : SPORE_OK;
}

/* ---- the look-up of the server's name, which this side does for socks5:// ---- */

static bool is_address(const char *host)
{
	uint8_t unused[16];

	return inet_pton(AF_INET, host, unused) == 1 || inet_pton(AF_INET6, host, unused) == 1;
}

/* The last four of the 16 bytes are an IPv4 address. */
static void write_address(const spore_addr *addr, char *out, socklen_t size)
{
	bool is_ipv6 = addr->family == 6;

	inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, is_ipv6 ? addr->ip : addr->ip + 12, out, size);
}

static void on_looked(void *arg, spore_status status, const spore_addr *addrs, size_t n)
{
	struct proxy_stream *s = arg;

	s->phase = LOOKED;
	if (status == SPORE_OK && n > 0)
		write_address(addrs, s->host, sizeof s->host);
	s->worker->proxy->host->complete_handshake(s->ticket, SPORE_OK);
}

static spore_status look_up(struct proxy_stream *s, spore_ticket ticket)
{
	const spore_host *host = s->worker->proxy->host;
	spore_status status = host->resolve(s->worker->handle, s->host, s->talk->port, on_looked, s,
	                                    &s->look);

	if (status != SPORE_OK) {
		talk_fail(s->talk, "the server's name cannot be looked up now: too many look-ups");
		return status;
	}
	s->phase = LOOKING;
	s->ticket = ticket;
	return SPORE_EPENDING;
}

/* ---- the handshake ---- */

/* Goes to the phase that the result of a step asks for. */
static spore_status follow(struct proxy_stream *s, enum talk_result result)
{
	if (result == TALK_FAILED)
		return SPORE_EPROTO;
	s->phase = result == TALK_SEND ? SENDING : READING;
	s->n_sent = 0;
	return SPORE_OK;
}

static spore_status start_talk(struct proxy_stream *s)
{
	if (s->phase == LOOKED && !is_address(s->host)) {
		talk_fail(s->talk,
		          "the name of the server, %.100s, cannot be looked up here: socks5h:// "
		          "leaves this to the proxy",
		          s->host);
		return SPORE_EBACKEND;
	}
	return follow(s, protocol_begin(s->talk));
}

static spore_status lose_proxy(struct proxy_stream *s, spore_status status)
{
	char shown[100];

	talk_escape(s->talk->in, s->talk->in_len, shown, sizeof shown);
	talk_fail(s->talk, "it has ended the connection before the end of its reply%s%s%s",
	          *shown ? ", after \"" : "", shown, *shown ? "\"" : "");
	return status == SPORE_OK ? SPORE_ECLOSED : status;
}

static spore_status send_message(struct proxy_stream *s, uint32_t *want)
{
	struct talk *talk = s->talk;
	spore_status status;

	while (s->n_sent < talk->out_len) {
		spore_iov iov = { talk->out + s->n_sent, talk->out_len - s->n_sent };
		int64_t n = s->lower->ops->writev(s->lower, &iov, 1, want);

		if (n == SPORE_EAGAIN)
			return SPORE_EAGAIN;
		if (n <= 0)
			return lose_proxy(s, (spore_status)n);
		s->n_sent += (size_t)n;
	}
	status = flush_below(s, want);
	if (status == SPORE_OK) {
		talk_wipe(talk);
		s->phase = READING;
	} else if (status != SPORE_EAGAIN) {
		lose_proxy(s, status);
	}
	return status;
}

/* Bytes that the server has already sent are kept for the reader. */
static spore_status become_open(struct proxy_stream *s)
{
	struct talk *talk = s->talk;

	if (talk->in_len > 0) {
		s->rest = malloc(talk->in_len);
		if (!s->rest)
			return SPORE_ENOMEM;
		memcpy(s->rest, talk->in, talk->in_len);
		s->rest_len = talk->in_len;
	}
	s->talk = NULL;
	free(talk);
	return SPORE_OK;
}

static spore_status read_reply(struct proxy_stream *s, uint32_t *want)
{
	struct talk *talk = s->talk;
	spore_iov iov = { talk->in + talk->in_len, sizeof talk->in - talk->in_len };
	int64_t n = s->lower->ops->readv(s->lower, &iov, 1, want);
	enum talk_result result;

	if (n == SPORE_EAGAIN)
		return SPORE_EAGAIN;
	if (n <= 0)
		return lose_proxy(s, (spore_status)n);
	talk->in_len += (size_t)n;
	result = protocol_take(talk);
	return result == TALK_OPEN ? become_open(s) : follow(s, result);
}

static spore_status handshake(spore_stream *stream, uint32_t *want, spore_ticket ticket)
{
	struct proxy_stream *s = stream_of(stream);
	spore_status status = SPORE_OK;

	if (!s->talk)
		return SPORE_OK;
	if (s->phase == LOOKING)
		return SPORE_EPENDING;
	if (s->phase == NEW && s->talk->url->kind == PROXY_SOCKS5 && !is_address(s->host))
		return look_up(s, ticket);
	if (s->phase < SENDING)
		status = start_talk(s);
	while (status == SPORE_OK && s->talk)
		status = s->phase == SENDING ? send_message(s, want) : read_reply(s, want);
	return status;
}

/* ---- the open stream ---- */

static int64_t read_rest(struct proxy_stream *s, const spore_iov *iov, uint32_t n)
{
	int64_t total = 0;

	for (uint32_t i = 0; i < n && s->rest_at < s->rest_len; i++) {
		size_t left = s->rest_len - s->rest_at, len = iov[i].len < left ? iov[i].len : left;

		memcpy(iov[i].base, s->rest + s->rest_at, len);
		s->rest_at += len;
		total += (int64_t)len;
	}
	if (s->rest_at == s->rest_len) {
		free(s->rest);
		s->rest = NULL;
		s->rest_at = s->rest_len = 0;
	}
	return total;
}

static int64_t stream_readv(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct proxy_stream *s = stream_of(stream);

	return s->rest ? read_rest(s, iov, n) : s->lower->ops->readv(s->lower, iov, n, want);
}

static int64_t stream_writev(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct proxy_stream *s = stream_of(stream);

	return s->lower->ops->writev(s->lower, iov, n, want);
}

static spore_status stream_flush(spore_stream *stream, uint32_t *want)
{
	return flush_below(stream_of(stream), want);
}

static size_t stream_pending(spore_stream *stream)
{
	const struct proxy_stream *s = stream_of(stream);
	const spore_stream_ops *ops = s->lower->ops;

	return s->rest_len - s->rest_at + (SPORE_CAN(ops, pending) ? ops->pending(s->lower) : 0);
}

static spore_status stream_shutdown(spore_stream *stream, uint32_t *want)
{
	struct proxy_stream *s = stream_of(stream);

	return s->lower->ops->shutdown(s->lower, want);
}

static void stream_close(spore_stream *stream, uint32_t how)
{
	struct proxy_stream *s = stream_of(stream);

	if (s->phase == LOOKING)
		s->worker->proxy->host->resolve_stop(s->look);
	s->lower->ops->close(s->lower, how);
	if (s->talk)
		talk_wipe(s->talk);
	free(s->talk);
	free(s->rest);
	free(s);
}

static uint32_t stream_raw(spore_stream *stream)
{
	const struct proxy_stream *s = stream_of(stream);
	const spore_stream_ops *ops = s->lower->ops;

	return SPORE_CAN(ops, raw) && !s->rest ? ops->raw(s->lower) : 0;
}

static const char *stream_error(spore_stream *stream)
{
	const struct proxy_stream *s = stream_of(stream);

	return s->talk && *s->talk->error ? s->talk->error : NULL;
}

static spore_status stream_detach(spore_stream *stream)
{
	(void)stream;
	return SPORE_OK;
}

static spore_status stream_attach(spore_stream *stream, const spore_attach_args *args)
{
	stream_of(stream)->worker = args->state;
	return SPORE_OK;
}

const spore_stream_ops proxy_stream_ops = {
	.struct_size = sizeof proxy_stream_ops,
	.handshake = handshake,
	.readv = stream_readv,
	.writev = stream_writev,
	.flush = stream_flush,
	.pending = stream_pending,
	.shutdown = stream_shutdown,
	.close = stream_close,
	.raw = stream_raw,
	.error = stream_error,
	.detach = stream_detach,
	.attach = stream_attach,
};

spore_status proxy_stream_wrap(const struct proxy_worker *worker, const spore_wrap_args *args,
                               spore_stream **upper_out)
{
	struct proxy_stream *s = calloc(1, sizeof *s);
	struct talk *talk = calloc(1, sizeof *talk);
	size_t len = strlen(args->server_name);

	if (!s || !talk || len >= sizeof s->host) {
		free(s);
		free(talk);
		return len >= sizeof s->host ? SPORE_EINVAL : SPORE_ENOMEM;
	}
	s->base.ops = &proxy_stream_ops;
	s->lower = args->lower;
	s->worker = worker;
	memcpy(s->host, args->server_name, len + 1);
	talk->url = &worker->proxy->url;
	talk->password = worker->proxy->conf->password;
	talk->host = s->host;
	talk->port = (uint16_t)args->server_port;
	s->talk = talk;
	*upper_out = &s->base;
	return SPORE_OK;
}
